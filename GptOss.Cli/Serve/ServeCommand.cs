using System.CommandLine;
using System.Runtime.InteropServices;
using GptOss.Cli.Chat;
using GptOss.Cli.Options;
using GptOss.Cli.Terminals;
using GptOss.Reference.Cuda;
using GptOss.Reference.Model;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Serving;
using GptOss.Server;

namespace GptOss.Cli.Serve;

/// <summary><c>gptoss serve</c>: the OpenAI-compatible server and its chat page.</summary>
internal sealed class ServeCommand
{
    // Tokens of all users together for whose keys and values a GPU keeps room.
    private const int ServedTokens = 16384;

    private readonly Option<string> _host = new("--host")
    {
        Description = "Address or name to listen on.",
        HelpName = "HOST",
        DefaultValueFactory = _ => "127.0.0.1",
    };
    private readonly Option<int> _port = Arguments.Number("--port", "Port to listen on; 0 for any that is free.", 0, 65535, 8000);
    private readonly Option<string[]> _keys = new("--api-key")
    {
        Description = "A key that clients must send; several may be given. GPTOSS_API_KEY holds one too.",
        HelpName = "KEY",
    };
    private readonly Option<string?> _keyFile = new("--api-key-file") { Description = "A file with one key a line.", HelpName = "FILE" };
    private readonly Option<bool> _noAuth = new("--no-auth") { Description = "Listens beyond this machine without asking for a key." };
    private readonly Option<string[]> _origins = new("--cors-origin")
    {
        Description = "An origin whose web pages may use the server, besides those of this machine.",
        HelpName = "ORIGIN",
    };
    private readonly Option<int?> _concurrent =
        Arguments.Number("--max-concurrent", "Answers generated at once; without it, what the memory allows, at most 32.", 1, 1024);
    private readonly Option<int> _queue = Arguments.Number("--max-queue", "Requests that may wait; the next one receives 429.", 0, 1_000_000, 64);
    private readonly Option<int?> _cache =
        Arguments.Number("--cache-mb", "Memory for prompts that were read before, in MB; without it, a share of what is free.", 0, 1 << 24);
    private readonly Option<string?> _store = new("--store")
    {
        Description = "Keeps responses in this SQLite file instead of in memory.",
        HelpName = "FILE",
    };
    private readonly Option<int> _storeCount = Arguments.Number("--store-responses", "Responses that are kept.", 0, 10_000_000, 1000);
    private readonly Option<int> _storeSize = Arguments.Number("--store-mb", "Memory for kept responses, in MB.", 0, 1 << 20, 256);
    private readonly Option<string[]> _tools = new("--tools")
    {
        Description = "Tools of the server's own that Responses requests may ask for: python, browser=FOLDER or browser=live.",
        HelpName = "LIST",
    };
    private readonly Option<string?> _reasoning = new("--reasoning-field")
    {
        Description = "The field that reasoning comes in; without it, both.",
        HelpName = "reasoning|reasoning_content",
    };
    private readonly Option<bool> _anyModel = new("--any-model") { Description = "Every model name in a request means the served one." };
    private readonly Option<double> _temperature = Arguments.Number("--default-temperature", "Temperature of requests that state none.",
        0.0, 2.0, 1.0);
    private readonly Option<DateOnly?> _date = Arguments.Date("--date", "The date that prompts state; without it, today's.");
    private readonly Option<int> _keepAlive = Arguments.Number("--keep-alive", "Seconds of silence in a stream before a comment is sent.",
        1, 3600, 10);
    private readonly Option<int> _grace = Arguments.Number("--grace", "Seconds that running answers have after the server was asked to end.",
        0, 86400, 30);
    private readonly Option<int> _speculate = SpeculateOption.Create(new SchedulerOptions().Speculate);
    private readonly ModelArguments _model = new();

    internal static Command Create(Terminal terminal)
    {
        var options = new ServeCommand();
        var command = new Command("serve", "Serves the model to OpenAI clients: Chat Completions, Responses, Completions, and a chat page.")
        {
            options._host, options._port, options._keys, options._keyFile, options._noAuth, options._origins, options._concurrent, options._queue,
            options._cache, options._store, options._storeCount, options._storeSize, options._tools, options._reasoning, options._anyModel,
            options._temperature, options._date,
            options._keepAlive, options._grace, options._speculate, options._model,
        };
        command.SetAction(parsed => options.RunAsync(parsed, terminal).GetAwaiter().GetResult());
        return command;
    }

    private async Task<int> RunAsync(ParseResult parsed, Terminal terminal)
    {
        ServerOptions options = Options(parsed);
        string host = parsed.GetValue(_host)!;
        if (options.ApiKeys.Count == 0 && !parsed.GetValue(_noAuth) && !IsLoopback(host))
        {
            throw new UsageException($"{host} is reached from other machines, and no key is set: give --api-key, or --no-auth to serve everyone.");
        }

        using var tools = new ChatTools(parsed.GetValue(_tools) ?? [], terminal);
        ModelOptions run = _model.Options(parsed, terminal);
        if (run.Device is CudaDevice gpu)
            gpu.ContextTokens = ServedTokens;
        var model = new ServedModelHost(_model.Choose(parsed, terminal), run, Scheduling(parsed));
        await using GptOssApplication server = await GptOssApplication.StartAsync(model, host, parsed.GetValue(_port), options, tools.On);

        using var asked = new CancellationTokenSource();
        using var askedAgain = new CancellationTokenSource();
        void End(PosixSignalContext signal)
        {
            signal.Cancel = true;
            if (!asked.IsCancellationRequested)
                asked.Cancel();
            else
                askedAgain.Cancel();
        }

        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, End),
            terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, End);
        Task ready = server.WhenReadyAsync();
        await Task.WhenAny(ready, Task.Delay(Timeout.Infinite, asked.Token));
        if (!asked.IsCancellationRequested)
        {
            await ready;                                             // a model that cannot be loaded ends the command
            Transformer loaded = (await model.Loaded).Model;
            ModelLoading.SayHow(loaded, run, terminal);
            ProfileAdvice.Say(loaded, terminal);
            terminal.Out.WriteLine(server.Url);
            terminal.Out.Flush();
            terminal.Error.WriteLine($"Ready, in the profile {loaded.Precision.Name()}. The chat page is there, the base URL for clients is "
                + $"{server.Url}/v1. Ctrl+C ends the server.");
            await Task.WhenAny(Task.Delay(Timeout.Infinite, asked.Token));
        }

        terminal.Error.WriteLine($"Ending; running answers have {options.Grace.TotalSeconds:0} s.");
        await server.EndAsync(askedAgain.Token);
        return ExitCodes.Ok;
    }

    private ServerOptions Options(ParseResult parsed) => new()
    {
        ApiKeys = [.. Keys(parsed)],
        CorsOrigins = parsed.GetValue(_origins) ?? [],
        AnyModel = parsed.GetValue(_anyModel),
        DefaultTemperature = parsed.GetValue(_temperature),
        Date = parsed.GetValue(_date),
        KeepAlive = TimeSpan.FromSeconds(parsed.GetValue(_keepAlive)),
        ReasoningFields = parsed.GetValue(_reasoning) switch
        {
            null => ["reasoning", "reasoning_content"],
            "reasoning" or "reasoning_content" => [parsed.GetValue(_reasoning)!],
            var other => throw new UsageException($"--reasoning-field is '{other}'; expected reasoning or reasoning_content."),
        },
        StoredResponses = parsed.GetValue(_storeCount),
        StoredBytes = (long)parsed.GetValue(_storeSize) << 20,
        StoreFile = parsed.GetValue(_store),
        Grace = TimeSpan.FromSeconds(parsed.GetValue(_grace)),
    };

    private SchedulerOptions Scheduling(ParseResult parsed)
    {
        long free = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        return new SchedulerOptions
        {
            MaxSequences = parsed.GetValue(_concurrent) ?? 32,
            MaxQueue = parsed.GetValue(_queue),
            Speculate = parsed.GetValue(_speculate),
            CacheBytes = free / 8,
            PrefixBytes = parsed.GetValue(_cache) is { } megabytes ? (long)megabytes << 20 : Math.Min(free / 16, 2L << 30),
        };
    }

    private IEnumerable<string> Keys(ParseResult parsed)
    {
        foreach (string key in parsed.GetValue(_keys) ?? [])
            yield return key;
        if (Environment.GetEnvironmentVariable("GPTOSS_API_KEY") is { Length: > 0 } variable)
            yield return variable;
        if (parsed.GetValue(_keyFile) is not { } file)
            yield break;
        foreach (string line in File.ReadLines(file).Select(line => line.Trim()).Where(line => line.Length > 0))
            yield return line;
    }

    private static bool IsLoopback(string host) =>
        host is "localhost"
            || (System.Net.IPAddress.TryParse(host.Trim('[', ']'), out System.Net.IPAddress? address) && System.Net.IPAddress.IsLoopback(address));
}
