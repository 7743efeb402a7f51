using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using GptOss.Cli.Options;
using GptOss.Cli.Output;
using GptOss.Cli.Synth;
using GptOss.Cli.Terminals;
using GptOss.Reference.Checkpoints;
using GptOss.Reference.Cuda;
using GptOss.Reference.Model;
using GptOss.Reference.Numerics.Ceilings;
using GptOss.Reference.Numerics.Workers;
using GptOss.Reference.Oracle.Synthetic;

namespace GptOss.Cli.Bench;

/// <summary><c>gptoss bench</c>: how fast this machine runs a model, and what it could do at most.</summary>
internal sealed class BenchCommand
{
    private const int MostPositions = 1 << 20, MostUsers = 1024;

    private readonly Option<string?> _shape = new("--shape")
    {
        Description = "Times a synthetic checkpoint of this shape, which is written to --scratch once: 20b, 120b, or a configuration file.",
        HelpName = "20b|120b|FILE",
    };

    private readonly Option<int?> _layers = Arguments.Number("--layers", "Layers of the shape, if fewer or more than it has.", 1, 10_000);
    private readonly Option<string?> _scratch = new("--scratch")
    {
        Description = "Where synthetic checkpoints are kept; gptoss-bench in the system's temporary folder if not given.",
        HelpName = "DIR",
    };

    private readonly Option<int[]> _prompt = Numbers("--prompt",
        "Tokens of the prompts that are timed, 512 if not given; 0 for no prefill.", 0, MostPositions);

    private readonly Option<int[]> _context = Numbers("--context",
        "Cached positions before the decoded tokens; as many as the last prompt has if not given.", 1, MostPositions);

    private readonly Option<int> _tokens = Arguments.Number("--tokens", "Tokens that each decode run generates; 0 for no decode.", 0, 1 << 20, 16);
    private readonly Option<int> _repeat = Arguments.Number("--repeat", "Timed runs of each kind.", 1, 1000, 5);
    private readonly Option<int[]> _users = Numbers("--users",
        "Times the server's scheduler instead, with so many users at once: 1,4,8,16.", 1, MostUsers);

    private readonly Option<int[]> _rows = Numbers("--rows",
        "Times passes of so many tokens of one sequence instead, which is what guessing ahead costs: 1,2,3,4,6,9.", 1, MostUsers);

    private readonly Option<bool> _kernels = new("--kernels")
    {
        Description = "Times every kernel of the GPU that --device names instead, in passes of 1, of 8 and of as many tokens as the prompt has.",
    };

    private readonly Option<string?> _peer = new("--peer")
    {
        Description = "What 'llama-bench -o json' wrote on this machine: prints its figures beside these, with their ratios.",
        HelpName = "FILE",
    };

    private readonly Option<bool> _json = new("--json") { Description = "Prints one JSON object with every run." };
    private readonly ModelArguments _model = new();

    internal static Command Create(Terminal terminal)
    {
        var options = new BenchCommand();
        var command = new Command("bench", "Times prefill and decode, and measures this machine's read bandwidth and FMA peak to compare with.")
        {
            options._shape, options._layers, options._scratch, options._prompt, options._context, options._tokens, options._repeat, options._users,
            options._rows, options._kernels, options._peer, options._json, options._model,
        };
        command.SetAction(parsed => options.Run(parsed, terminal));
        return command;
    }

    private int Run(ParseResult parsed, Terminal terminal)
    {
        ModelOptions modelOptions = _model.Options(parsed, terminal);
        int tokens = parsed.GetValue(_tokens), repeat = parsed.GetValue(_repeat);
        int[] prompts = parsed.GetValue(_prompt) is { Length: > 0 } asked ? asked : [512];
        int[] contexts = parsed.GetValue(_context) is { Length: > 0 } after ? after : prompts[^1..];
        if (prompts.Max() == 0 && tokens == 0)
            throw new UsageException("--prompt and --tokens are both 0; there is nothing to time.");
        if (tokens > 0 && contexts.Min() == 0)
            throw new UsageException("Without a prompt, --context says after how many tokens to decode.");
        if (parsed.GetValue(_users) is { Length: > 0 } && parsed.GetValue(_peer) is not null)
            throw new UsageException("--users and --peer exclude each other; llama-bench has one user.");
        if (parsed.GetValue(_rows) is { Length: > 0 } && (parsed.GetValue(_users) is { Length: > 0 } || parsed.GetValue(_peer) is not null))
            throw new UsageException("--rows excludes --users and --peer.");
        if (parsed.GetValue(_kernels) && modelOptions.Device is null)
            throw new UsageException("--kernels times the kernels of a GPU; --device cuda names one.");
        PeerBench? peer = parsed.GetValue(_peer) is { } file ? PeerBench.Read(file) : null;
        string folder = Folder(parsed, terminal);
        if (parsed.GetValue(_users) is { Length: > 0 } users)
            return RunUsers(parsed, terminal, folder, modelOptions, users, Math.Max(prompts.Max(), 1), Math.Max(tokens, 1));
        if (parsed.GetValue(_rows) is { Length: > 0 } rows)
            return RunRows(parsed, terminal, folder, modelOptions, rows, contexts, repeat);
        if (parsed.GetValue(_kernels))
            return RunKernels(parsed, terminal, folder, modelOptions, Math.Max(prompts.Max(), 8), contexts[0]);

        // Mapped first, so that what is wrong with the files is said before anything is timed.
        Checkpoint checkpoint = ModelChoice.Open(folder, terminal);
        // Ceilings before the model is loaded: their memory is freed before the weights need theirs.
        BenchCeilings OfProcessor() =>
            BenchCeilings.Of(MachineCeilings.Measure(modelOptions.Threads ?? Topology.PhysicalCores, modelOptions.Width, ReadBytes()));
        BenchCeilings ceilings = modelOptions.Device is CudaDevice gpu ? BenchCeilings.Of(gpu) : OfProcessor();
        using var model = ModelLoading.Load(checkpoint, modelOptions, terminal);
        if (modelOptions.Device is not null && model.Placement is null)
            ceilings = OfProcessor();                                    // the GPU did not take the model
        RequirePositions(Math.Max(prompts.Max(), contexts.Max() + tokens), model);
        var runs = new BenchRuns(model, terminal.Cancellation);
        foreach (int prompt in prompts.Where(prompt => prompt > 0))
            runs.Prefill(prompt, repeat);
        foreach (int context in tokens > 0 ? contexts : [])
            runs.Decode(context, tokens, repeat);
        DiskReads.Say(runs.DiskBytes, terminal);
        terminal.Out.WriteLine(parsed.GetValue(_json)
            ? BenchReport.Json(model, ceilings, runs, peer) : BenchReport.Table(model, ceilings, runs, peer));
        return ExitCodes.Ok;
    }

    private int RunUsers(ParseResult parsed, Terminal terminal, string folder, ModelOptions modelOptions, int[] users, int prompt, int tokens)
    {
        using var model = ModelLoading.Load(ModelChoice.Open(folder, terminal), modelOptions, terminal);
        RequirePositions(prompt + tokens, model);
        var bench = new UsersBench(model, prompt, tokens, terminal.Cancellation);
        bench.RunAsync(1).GetAwaiter().GetResult();                      // warms up
        UsersRun[] runs = [.. users.Select(count => bench.RunAsync(count).GetAwaiter().GetResult())];
        terminal.Out.WriteLine(parsed.GetValue(_json) ? UsersBench.Json(prompt, runs) : UsersBench.Table(prompt, runs));
        return ExitCodes.Ok;
    }

    private int RunKernels(ParseResult parsed, Terminal terminal, string folder, ModelOptions modelOptions, int prompt, int context)
    {
        var gpu = (CudaDevice)modelOptions.Device!;
        using var model = ModelLoading.Load(ModelChoice.Open(folder, terminal), modelOptions, terminal);
        if (model.Placement is null)
            return ExitCodes.Ok;                                         // it has been said that the GPU did not take the model
        RequirePositions(prompt + context, model);
        List<KernelRun> runs = KernelsBench.Run(model, gpu, context, new[] { 1, 8, prompt }.Distinct(), terminal.Cancellation);
        terminal.Out.WriteLine(parsed.GetValue(_json) ? KernelsBench.Json(context, runs) : KernelsBench.Table(gpu.Name, context, runs));
        return ExitCodes.Ok;
    }

    private int RunRows(ParseResult parsed, Terminal terminal, string folder, ModelOptions modelOptions, int[] rows, int[] contexts, int repeat)
    {
        using var model = ModelLoading.Load(ModelChoice.Open(folder, terminal), modelOptions, terminal);
        RequirePositions(contexts.Max() + rows.Max(), model);
        var bench = new RowsBench(model, terminal.Cancellation);
        RowsRun[] runs = [.. contexts.SelectMany(context => bench.Run(context, rows, repeat))];
        terminal.Out.WriteLine(parsed.GetValue(_json) ? RowsBench.Json(runs) : RowsBench.Table(runs));
        return ExitCodes.Ok;
    }

    private static void RequirePositions(int positions, Transformer model)
    {
        if (positions > model.Config.MaxPositions)
            throw new UsageException($"{positions} positions exceed the model's context of {model.Config.MaxPositions}.");
    }

    private static Option<int[]> Numbers(string name, string description, int least, int most) => new(name)
    {
        Description = description,
        HelpName = "N,N,…",
        CustomParser = parsed => Counts(parsed, name, least, most),
    };

    private static int[]? Counts(ArgumentResult parsed, string name, int least, int most)
    {
        var counts = new List<int>();
        foreach (string word in parsed.Tokens.SelectMany(token => token.Value.Split(',')))
        {
            if (!int.TryParse(word, NumberStyles.None, CultureInfo.InvariantCulture, out int count) || count < least || count > most)
            {
                parsed.AddError($"{name} is '{word}'; expected numbers from {least} to {most} with commas between them.");
                return null;
            }
            counts.Add(count);
        }
        return [.. counts];
    }

    /// <summary>4 GiB, or half of what is free on a smaller machine: far more than any cache holds.</summary>
    private static long ReadBytes() => Math.Clamp(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 4, 256L << 20, 4L << 30);

    private string Folder(ParseResult parsed, Terminal terminal)
    {
        string? shape = parsed.GetValue(_shape);
        if (shape is null)
            return _model.Choose(parsed, terminal);
        if (_model.Named(parsed) is not null)
            throw new UsageException("Give either --model or --shape.");
        string config = SynthCommand.Config(shape, parsed.GetValue(_layers), terminal);
        string key = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(config)))[..12];
        string folder = Path.Combine(parsed.GetValue(_scratch) ?? Path.Combine(Path.GetTempPath(), "gptoss-bench"), key);
        if (File.Exists(Path.Combine(folder, "config.json")))       // written last
        {
            terminal.Error.WriteLine($"Using the synthetic checkpoint in {folder}.");
            return folder;
        }
        long bytes = SyntheticCheckpoint.FileBytes(config);
        terminal.Error.WriteLine($"Writing a synthetic checkpoint of {Text.Bytes(bytes)} to {folder}; later runs use it again.");
        SyntheticCheckpoint.Write(folder, config, seed: 1, force: true, new ByteProgress(terminal, bytes), terminal.Cancellation);
        return folder;
    }
}
