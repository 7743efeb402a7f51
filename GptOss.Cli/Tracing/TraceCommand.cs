using System.CommandLine;
using GptOss.Cli.Options;
using GptOss.Cli.Output;
using GptOss.Cli.Terminals;
using GptOss.Reference.Checkpoints.Storage;
using GptOss.Reference.Generation;
using GptOss.Reference.Model;
using GptOss.Reference.Oracle.Packs;
using GptOss.Reference.Oracle.Routing;
using GptOss.Reference.Oracle.Stages;
using GptOss.Reference.Oracle.Traces;

namespace GptOss.Cli.Tracing;

/// <summary>
/// <c>gptoss trace</c>: every stage of the forward pass, as files in the format of the golden packs, and what its routers chose. <c>gptoss pack</c>:
/// a trace that others can rerun and judge, with its weights by seed or checksum and its budgets.
/// </summary>
/// <param name="isPack">Whether a pack is made, which is nothing without a folder.</param>
internal sealed class TraceCommand(bool isPack)
{
    private readonly PromptArguments _prompt = new("Text to run as it is, special tokens by name.");
    private readonly Option<string?> _folder = new("--out")
    {
        Description = "The folder to write stages.safetensors and manifest.json into.",
        HelpName = "DIR",
        Required = isPack,
    };

    private readonly Option<string?> _routing = new("--routing")
    {
        Description = "Writes the experts, weights and margins of every token and layer as JSON lines; --out is not needed then.",
        HelpName = "FILE",
    };

    private readonly Option<string?> _replay = ReplayOption.Create();

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

    private readonly ModelArguments _model = new();
    private readonly Option<bool> _force = new("--force") { Description = "Replaces what is there." };

    internal static Command Create(Terminal terminal)
    {
        var options = new TraceCommand(isPack: false);
        var command = new Command("trace", "Runs token ids and writes every stage of the forward pass as safetensors, with a manifest.")
        {
            options._prompt, options._folder, options._routing, options._replay, options._positions, options._stages, options._force,
            options._model,
        };
        command.SetAction(parsed => options.Run(parsed, terminal));
        return command;
    }

    internal static Command CreatePack(Terminal terminal)
    {
        var options = new TraceCommand(isPack: true);
        Option<string?> budget = new("--budget")
        {
            Description = "Budgets to state in the pack, where they are not the published ones; docs/golden-packs.md shows the form.",
            HelpName = "FILE",
        };
        var command = new Command("pack",
            "Makes a golden pack: stages, logits hash, budgets and everything that is needed to rerun it. 'verify --pack' checks it.")
        {
            options._prompt, options._folder, options._positions, options._stages, budget, options._force, options._model,
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
        ModelOptions modelOptions = _model.Options(parsed, terminal);
        string? folder = parsed.GetValue(_folder), routing = parsed.GetValue(_routing);
        RequireNothingThere(folder, routing, parsed.GetValue(_force));
        if (folder is null && parsed.GetValue(_stages) is not null)
            throw new UsageException("--stages says what --out holds; give a folder with --out.");
        Prompt prompt = _prompt.Read(parsed, terminal);

        string asked = _model.Choose(parsed, terminal);
        using var model = ModelLoading.Load(ModelChoice.Open(asked, terminal), modelOptions, terminal);
        int[] ids = prompt.AsItIs(model.Config, model.Checkpoint.Tokenizer);
        PromptLimits.Require(model.Config, ids);
        RoutingReplay? replay = parsed.GetValue(_replay) is { } file ? RoutingReplay.Read(file, model.Config, ids) : null;
        var options = new TraceFileOptions
        {
            Positions = Selection.Positions(parsed.GetValue(_positions), ids.Length),
            Stages = Selection.Stages(parsed.GetValue(_stages)),
            Replay = replay,
            CheckpointName = Path.Exists(asked) ? null : asked,
            Pack = pack,
            Force = parsed.GetValue(_force),
            Progress = new TokenProgress(terminal, ids.Length),
        };
        if (folder is not null)
            terminal.Error.WriteLine($"Writing {Text.Bytes(Size(model, options, ids.Length))} to {folder}.");
        string hash = Write(model, ids, folder, routing, options, terminal.Cancellation);
        ReplayOption.Report(replay, terminal.Error);
        terminal.Out.WriteLine($"logits_hash {hash}");
        return ExitCodes.Ok;
    }

    private static string Write(Transformer model, int[] ids, string? folder, string? routing, TraceFileOptions options,
        CancellationToken cancellation)
    {
        string Trace(TraceFileOptions with) =>
            folder is null ? Tracer.Run(model, ids, with, cancellation) : TraceFile.Write(model, ids, folder, with, cancellation);
        if (routing is null)
            return Trace(options);
        string hash = "";
        AtomicFile.Write(routing, file =>
        {
            var writer = new RoutingWriter(file);
            hash = Trace(options with { Routing = writer.Add });
            writer.Flush();
        }, replace: options.Force);
        return hash;
    }

    private static void RequireNothingThere(string? folder, string? routing, bool force)
    {
        if (folder is null && routing is null)
            throw new UsageException("Give --out, --routing or both, for what is traced.");
        if (folder is not null)
        {
            Existing.Refuse(Path.Combine(folder, "stages.safetensors"), force, "folder");
            Existing.Refuse(Path.Combine(folder, "manifest.json"), force, "folder");
        }
        if (routing is not null)
            Existing.Refuse(routing, force);
    }

    private static long Size(Transformer model, TraceOptions options, int tokens)
    {
        try
        {
            return TraceFile.SizeOf(model.Config, options.Positions?.Count ?? tokens, options.Stages, model.Precision);
        }
        catch (StageNameException e)
        {
            throw new UsageException(e.Message);       // no stage of that name
        }
    }
}
