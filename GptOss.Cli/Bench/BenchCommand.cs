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

    private readonly Option<int> _prompt = Arguments.Number("--prompt", "Tokens of the prompt that is timed; 0 for no prefill.", 0, 1 << 20, 512);
    private readonly Option<int?> _context = Arguments.Number("--context",
        "Cached positions before the decoded tokens; as many as the prompt has if not given.", 1, 1 << 20);

    private readonly Option<int> _tokens = Arguments.Number("--tokens", "Tokens that each decode run generates; 0 for no decode.", 0, 1 << 20, 16);
    private readonly Option<int> _repeat = Arguments.Number("--repeat", "Timed runs of each kind.", 1, 1000, 5);
    private readonly Option<int[]> _users = new("--users")
    {
        Description = "Times the server's scheduler instead, with so many users at once: 1,4,8,16.",
        HelpName = "N,N,…",
        CustomParser = parsed => Users(parsed),
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
            options._peer, options._json, options._model,
        };
        command.SetAction(parsed => options.Run(parsed, terminal));
        return command;
    }

    private int Run(ParseResult parsed, Terminal terminal)
    {
        ModelOptions modelOptions = _model.Options(parsed, terminal);
        int prompt = parsed.GetValue(_prompt), tokens = parsed.GetValue(_tokens), repeat = parsed.GetValue(_repeat);
        int context = parsed.GetValue(_context) ?? prompt;
        if (prompt == 0 && tokens == 0)
            throw new UsageException("--prompt and --tokens are both 0; there is nothing to time.");
        if (tokens > 0 && context == 0)
            throw new UsageException("Without a prompt, --context says after how many tokens to decode.");
        if (parsed.GetValue(_users) is { Length: > 0 } && parsed.GetValue(_peer) is not null)
            throw new UsageException("--users and --peer exclude each other; llama-bench has one user.");
        PeerBench? peer = parsed.GetValue(_peer) is { } file ? PeerBench.Read(file) : null;
        string folder = Folder(parsed, terminal);
        if (parsed.GetValue(_users) is { Length: > 0 } users)
            return RunUsers(parsed, terminal, folder, modelOptions, users, Math.Max(prompt, 1), Math.Max(tokens, 1));

        // Mapped first, so that what is wrong with the files is said before anything is timed.
        Checkpoint checkpoint = ModelChoice.Open(folder, terminal);
        // Ceilings before the model is loaded: their memory is freed before the weights need theirs.
        BenchCeilings ceilings = modelOptions.Device is CudaDevice gpu ? BenchCeilings.Of(gpu)
            : BenchCeilings.Of(MachineCeilings.Measure(modelOptions.Threads ?? Topology.PhysicalCores, modelOptions.Width, ReadBytes()));
        using var model = ModelLoading.Load(checkpoint, modelOptions, terminal);
        if (Math.Max(prompt, context + tokens) > model.Config.MaxPositions)
            throw new UsageException($"{Math.Max(prompt, context + tokens)} positions exceed the model's context of {model.Config.MaxPositions}.");
        var runs = new BenchRuns(model, terminal.Cancellation);
        if (prompt > 0)
            runs.Prefill(prompt, repeat);
        if (tokens > 0)
            runs.Decode(context, tokens, repeat);
        DiskReads.Say(runs.DiskBytes, terminal);
        terminal.Out.WriteLine(parsed.GetValue(_json)
            ? BenchReport.Json(model, ceilings, runs, peer) : BenchReport.Table(model, ceilings, runs, peer));
        return ExitCodes.Ok;
    }

    private int RunUsers(ParseResult parsed, Terminal terminal, string folder, ModelOptions modelOptions, int[] users, int prompt, int tokens)
    {
        using var model = ModelLoading.Load(ModelChoice.Open(folder, terminal), modelOptions, terminal);
        if (prompt + tokens > model.Config.MaxPositions)
            throw new UsageException($"{prompt + tokens} positions exceed the model's context of {model.Config.MaxPositions}.");
        var bench = new UsersBench(model, prompt, tokens, terminal.Cancellation);
        bench.RunAsync(1).GetAwaiter().GetResult();                      // warms up
        UsersRun[] runs = [.. users.Select(count => bench.RunAsync(count).GetAwaiter().GetResult())];
        terminal.Out.WriteLine(parsed.GetValue(_json) ? UsersBench.Json(prompt, runs) : UsersBench.Table(prompt, runs));
        return ExitCodes.Ok;
    }

    private static int[]? Users(ArgumentResult parsed)
    {
        var users = new List<int>();
        foreach (string word in parsed.Tokens.SelectMany(token => token.Value.Split(',')))
        {
            if (!int.TryParse(word, NumberStyles.None, CultureInfo.InvariantCulture, out int count) || count is < 1 or > 1024)
            {
                parsed.AddError($"--users is '{word}'; expected numbers from 1 to 1024 with commas between them.");
                return null;
            }
            users.Add(count);
        }
        return [.. users];
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
