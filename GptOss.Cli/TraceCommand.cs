using System.CommandLine;
using System.Globalization;
using GptOss.Reference.Generation;
using GptOss.Reference.Model;
using GptOss.Reference.Numerics;
using GptOss.Reference.Oracle;
using GptOss.Reference.Tokens;

namespace GptOss.Cli;

/// <summary>
/// <c>gptoss trace</c>: every stage of the forward pass, as files in the format of the golden packs. <c>gptoss pack</c>: a trace that others can rerun and
/// judge, with its weights by seed or checksum and its budgets.
/// </summary>
internal sealed class TraceCommand
{
    private readonly Argument<string?> _prompt = new("prompt")
    {
        Description = "Text to run as it is, special tokens by name.",
        Arity = ArgumentArity.ZeroOrOne,
    };

    private readonly Option<string?> _ids = new("--ids") { Description = "Reads a JSON array of token ids instead.", HelpName = "FILE" };
    private readonly Option<string?> _model = ModelChoice.Option();
    private readonly Option<string> _folder = new("--out")
    {
        Description = "The folder to write stages.safetensors and manifest.json into.",
        HelpName = "DIR",
        Required = true,
    };

    private readonly Option<string?> _positions = new("--positions")
    {
        Description = "Positions to keep, ascending, as 0,5,9; or last. Without it, all.",
        HelpName = "LIST",
    };

    private readonly Option<string?> _stages = new("--stages")
    {
        Description = "Stages to keep, where * stands for anything, as block.0.*,*.residual,logits. Without it, all.",
        HelpName = "LIST",
    };

    private readonly Option<Precision?> _profile = Arguments.Profile();
    private readonly Option<int?> _threads = Arguments.Threads();
    private readonly Option<RegisterWidth?> _width = Arguments.Width();
    private readonly Option<bool> _force = new("--force") { Description = "Replaces what is there." };

    internal static Command Create(Terminal terminal)
    {
        var options = new TraceCommand();
        var command = new Command("trace", "Runs token ids and writes every stage of the forward pass as safetensors, with a manifest.")
        {
            options._prompt, options._ids, options._model, options._folder, options._positions, options._stages, options._profile, options._threads,
            options._width, options._force,
        };
        command.SetAction(parsed => options.Run(parsed, terminal));
        return command;
    }

    internal static Command CreatePack(Terminal terminal)
    {
        var options = new TraceCommand();
        Option<string?> budget = new("--budget")
        {
            Description = "Budgets to state in the pack, where they are not the published ones; docs/golden-packs.md shows the form.",
            HelpName = "FILE",
        };
        var command = new Command("pack",
            "Makes a golden pack: stages, logits hash, budgets and everything that is needed to rerun it. 'verify --pack' checks it.")
        {
            options._prompt, options._ids, options._model, options._folder, options._positions, options._stages, options._profile, budget, options._threads,
            options._width, options._force,
        };
        command.SetAction(parsed => options.Run(parsed, terminal, new PackOptions
        {
            Budgets = parsed.GetValue(budget) is { } file ? Budgets.Read(file) : Budgets.Published,
            Reading = new ReadingProgress(terminal),
        }));
        return command;
    }

    private int Run(ParseResult parsed, Terminal terminal, PackOptions? pack = null)
    {
        ModelOptions modelOptions = Arguments.Model(parsed.GetValue(_profile), parsed.GetValue(_width), parsed.GetValue(_threads));
        string folder = parsed.GetValue(_folder)!;
        RequireNothingThere(folder, parsed.GetValue(_force));
        string? text = parsed.GetValue(_prompt), idsFile = parsed.GetValue(_ids);
        if (text is null == idsFile is null)
            throw new UsageException("Give either a prompt or --ids.");
        int[]? ids = idsFile is null ? null : PromptIds.Read(idsFile);

        string asked = ModelChoice.Resolve(parsed.GetValue(_model), terminal);
        using var model = Transformer.Load(ModelChoice.Open(asked, terminal), modelOptions);
        ids ??= Encode(text!, model);
        PromptLimits.Require(model.Config, ids);
        var options = new TraceOptions
        {
            Positions = Positions(parsed.GetValue(_positions), ids.Length),
            Stages = Stages(parsed.GetValue(_stages)),
            CheckpointName = Path.Exists(asked) ? null : asked,
            Pack = pack,
            Force = parsed.GetValue(_force),
            Progress = terminal.HasAnimation && ids.Length > Sequence.ChunkTokens ? new Progress(terminal, ids.Length) : null,
        };
        terminal.Error.WriteLine($"Writing {Text.Bytes(Size(model, options, ids.Length))} to {folder}.");
        string hash = Tracer.Write(model, ids, folder, options, terminal.Cancellation);
        terminal.Out.WriteLine($"logits_hash {hash}");
        return ExitCodes.Ok;
    }

    private static void RequireNothingThere(string folder, bool force)
    {
        foreach (string name in (string[])["stages.safetensors", "manifest.json"])
        {
            string target = Path.Combine(folder, name);
            if (!force && Path.Exists(target))
                throw new UsageException($"{target} exists; give another folder, or --force to replace it.");
        }
    }

    private static int[] Encode(string text, Transformer model)
    {
        Tokenizer tokenizer = Tokenizer.ForCheckpoint(model.Checkpoint.Folder);
        GenerateCommand.RequireText(model, tokenizer);
        return tokenizer.EncodeWithSpecials(text);
    }

    private static long Size(Transformer model, TraceOptions options, int tokens)
    {
        try
        {
            return Tracer.SizeOf(model.Config, options.Positions?.Count ?? tokens, options.Stages, model.Precision);
        }
        catch (ArgumentException e)
        {
            throw new UsageException(e.Message);       // no stage of that name
        }
    }

    internal static StageFilter Stages(string? list)
    {
        try
        {
            return list is null ? StageFilter.All : StageFilter.Parse(list);
        }
        catch (ArgumentException e)
        {
            throw new UsageException(e.Message);
        }
    }

    internal static int[]? Positions(string? list, int tokens)
    {
        if (list is null)
            return null;
        if (string.Equals(list, "last", StringComparison.OrdinalIgnoreCase))
            return [tokens - 1];
        var positions = new List<int>();
        foreach (string item in list.Split(','))
        {
            if (!int.TryParse(item, NumberStyles.None, CultureInfo.InvariantCulture, out int position))
                throw new UsageException($"--positions holds '{item}'; expected positions such as 0,5,9, or last.");
            if (position >= tokens)
                throw new UsageException($"--positions holds {position}; positions go from 0 to {tokens - 1}.");
            if (positions.Count > 0 && position <= positions[^1])
                throw new UsageException($"--positions holds {position} after {positions[^1]}; expected ascending positions.");
            positions.Add(position);
        }
        return [.. positions];
    }

    private sealed class Progress(Terminal terminal, int tokens) : IProgress<int>
    {
        public void Report(int value) => terminal.Error.Write(value < tokens ? $"\r{value} of {tokens} tokens" : $"\r{new string(' ', 40)}\r");
    }
}
