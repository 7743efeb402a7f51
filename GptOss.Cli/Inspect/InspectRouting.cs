using System.CommandLine;
using GptOss.Cli.Options;
using GptOss.Cli.Output;
using GptOss.Cli.Terminals;
using GptOss.Reference.Generation;
using GptOss.Reference.Model;
using GptOss.Reference.Oracle.Routing;
using GptOss.Reference.Oracle.Traces;
using GptOss.Reference.Tokens;

namespace GptOss.Cli.Inspect;

/// <summary><c>gptoss inspect --routing</c>: how a model uses its experts over a text.</summary>
internal sealed class InspectRouting(ModelArguments model)
{
    private readonly Option<bool> _routing = new("--routing")
    {
        Description = "Runs a text instead and shows the load of the experts, which occur together, and near-ties of the router.",
    };

    private readonly PromptArguments _prompt = new("With --routing, the text to run as it is, special tokens by name.");
    private readonly Option<string?> _replay = ReplayOption.Create();
    private readonly Option<string?> _html = new("--html")
    {
        Description = "With --routing, also writes one HTML page with heat maps.",
        HelpName = "FILE",
    };

    private readonly Option<bool> _force = new("--force") { Description = "With --routing, replaces the page of --html where one is there." };

    internal void AddTo(Command command)
    {
        command.Add(_prompt);
        foreach (Option option in (Option[])[_routing, _replay, _html, _force])
            command.Add(option);
    }

    /// <summary>Whether routing is asked for; refuses what belongs to it where it is not.</summary>
    internal bool IsAsked(ParseResult parsed)
    {
        if (parsed.GetValue(_routing))
            return true;
        Option[] others = [_replay, _html, _force, .. model.ForRunning];
        if ((_prompt.Given(parsed) ?? Array.Find(others, option => parsed.GetResult(option) is { Implicit: false })?.Name) is { } needless)
            throw new UsageException($"{needless} needs --routing.");
        return false;
    }

    internal int Run(ParseResult parsed, bool json, Terminal terminal)
    {
        ModelOptions modelOptions = model.Options(parsed, terminal);
        string? page = parsed.GetValue(_html);
        bool force = parsed.GetValue(_force);
        if (page is not null)
            Existing.Refuse(page, force);
        Prompt prompt = _prompt.Read(parsed, terminal);

        string name = model.Choose(parsed, terminal);
        using var transformer = ModelLoading.Load(ModelChoice.Open(name, terminal), modelOptions, terminal);
        Tokenizer tokenizer = transformer.Checkpoint.Tokenizer;
        int[] ids = prompt.AsItIs(transformer.Config, tokenizer);
        PromptLimits.Require(transformer.Config, ids);
        RoutingReplay? replay = parsed.GetValue(_replay) is { } path ? RoutingReplay.Read(path, transformer.Config, ids) : null;
        var statistics = new RoutingStatistics(transformer);
        var options = new TraceOptions
        {
            Positions = [],
            Routing = statistics.Add,
            Replay = replay,
            Progress = new TokenProgress(terminal, ids.Length),
        };
        Tracer.Run(transformer, ids, options, terminal.Cancellation);
        ReplayOption.Report(replay, terminal.Error);

        string shown = Path.Exists(name) ? Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(name))) : name;
        var report = new RoutingReport(shown, transformer.Config, transformer.Precision, statistics, tokenizer);
        if (page is not null)
        {
            RoutingHtml.Write(report, page, force);
            terminal.Error.WriteLine($"Wrote {page}.");
        }
        if (json)
            terminal.Out.WriteLine(RoutingJson.Of(report));
        else
            RoutingText.Write(report, terminal.Out);
        return ExitCodes.Ok;
    }
}
