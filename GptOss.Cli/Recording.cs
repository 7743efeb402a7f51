using System.CommandLine;
using System.Globalization;
using GptOss.Reference.Checkpoints;
using GptOss.Reference.Generation;
using GptOss.Reference.Model;
using GptOss.Reference.Numerics;
using GptOss.Reference.Oracle;
using GptOss.Reference.Tokens;

namespace GptOss.Cli;

/// <summary>What <c>trace</c> and <c>pack</c> share: which ids run on which model, what of the run is kept, and where.</summary>
/// <param name="terminal">Where the command reads and writes.</param>
/// <param name="what">What is written: a trace, a pack.</param>
/// <param name="needsFolder">Whether it is nothing without a folder.</param>
internal sealed class Recording(Terminal terminal, string what, bool needsFolder = true)
{
    private readonly Argument<string?> _prompt = new("prompt")
    {
        Description = "Text to run as it is, special tokens by name.",
        Arity = ArgumentArity.ZeroOrOne,
    };

    private readonly Option<string?> _ids = new("--ids") { Description = "Reads a JSON array of token ids instead.", HelpName = "FILE" };
    private readonly Option<string?> _model = ModelChoice.Option();
    private readonly Option<string?> _folder = new("--out")
    {
        Description = "The folder to write stages.safetensors and manifest.json into.",
        HelpName = "DIR",
        Required = needsFolder,
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

    /// <summary>A command with these options and its own.</summary>
    internal Command Command(string description, params ReadOnlySpan<Option> own)
    {
        var command = new Command(what, description) { _prompt, _ids, _model, _folder, _positions, _stages, _profile, _threads, _width, _force };
        foreach (Option option in own)
            command.Add(option);
        return command;
    }

    /// <summary>Runs the model and writes the recording.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="pack">What makes a pack of it; null for a trace.</param>
    /// <param name="routing">The file that routing is written to; null for none.</param>
    /// <param name="replay">The routing file whose experts are forced; null for the model's own.</param>
    internal int Run(ParseResult parsed, PackOptions? pack = null, string? routing = null, string? replay = null)
    {
        ModelOptions modelOptions = Arguments.Model(parsed.GetValue(_profile), parsed.GetValue(_width), parsed.GetValue(_threads));
        string? folder = parsed.GetValue(_folder);
        RequireNothingThere(folder, routing, parsed.GetValue(_force));
        if (folder is null && parsed.GetValue(_stages) is not null)
            throw new UsageException("--stages says what --out holds; give a folder with --out.");
        string? text = parsed.GetValue(_prompt), idsFile = parsed.GetValue(_ids);
        if (text is null == idsFile is null)
            throw new UsageException("Give either a prompt or --ids.");
        int[]? ids = idsFile is null ? null : PromptIds.Read(idsFile);

        string asked = ModelChoice.Resolve(parsed.GetValue(_model), terminal);
        using var model = Transformer.Load(ModelChoice.Open(asked, terminal), modelOptions);
        ids ??= Encode(text!, model);
        PromptLimits.Require(model.Config, ids);
        RoutingReplay? forced = replay is null ? null : RoutingReplay.Read(replay, model.Config, ids);
        var options = new TraceOptions
        {
            Positions = Positions(parsed.GetValue(_positions), ids.Length),
            Stages = Stages(parsed.GetValue(_stages)),
            Replay = forced,
            CheckpointName = Path.Exists(asked) ? null : asked,
            Pack = pack,
            Force = parsed.GetValue(_force),
            Progress = TokenProgress.For(terminal, ids.Length),
        };
        if (folder is not null)
            terminal.Error.WriteLine($"Writing {Text.Bytes(Size(model, options, ids.Length))} to {folder}.");
        string hash = Write(model, ids, folder, routing, options);
        ReplayOption.Report(forced, terminal.Error);
        terminal.Out.WriteLine($"logits_hash {hash}");
        return ExitCodes.Ok;
    }

    private string Write(Transformer model, int[] ids, string? folder, string? routing, TraceOptions options)
    {
        string Trace(TraceOptions with) =>
            folder is null ? Tracer.Run(model, ids, with, terminal.Cancellation) : Tracer.Write(model, ids, folder, with, terminal.Cancellation);
        if (routing is null)
            return Trace(options);
        string hash = "";
        AtomicFile.Write(routing, file =>
        {
            var writer = new RoutingWriter(file);
            hash = Trace(options with { Routing = writer.Add });
            writer.Flush();
        });
        return hash;
    }

    private static void RequireNothingThere(string? folder, string? routing, bool force)
    {
        if (folder is null && routing is null)
            throw new UsageException("Give --out, --routing or both, for what is traced.");
        string[] stages = folder is null ? [] : [Path.Combine(folder, "stages.safetensors"), Path.Combine(folder, "manifest.json")];
        if (Array.Find(stages, target => !force && Path.Exists(target)) is { } there)
            throw new UsageException($"{there} exists; give another folder, or --force to replace it.");
        if (routing is not null && !force && Path.Exists(routing))
            throw new UsageException($"{routing} exists; give another name, or --force to replace it.");
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

    private static StageFilter Stages(string? list)
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

    private static int[]? Positions(string? list, int tokens)
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
}
