using System.CommandLine;
using GptOss.Cli.Options;
using GptOss.Cli.Output;
using GptOss.Cli.Terminals;
using GptOss.Reference.Generation;
using GptOss.Reference.Model;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Oracle.Routing;
using GptOss.Reference.Oracle.Traces;
using GptOss.Reference.Tokens;

namespace GptOss.Cli.Inspect;

/// <summary><c>gptoss inspect --routing</c>: how a model uses its experts over a text.</summary>
internal sealed class InspectRouting
{
    private readonly Option<bool> _routing = new("--routing")
    {
        Description = "Runs a text instead and shows the load of the experts, which occur together, and near-ties of the router.",
    };

    private readonly Argument<string?> _prompt = new("prompt")
    {
        Description = "With --routing, text to run as it is, special tokens by name.",
        Arity = ArgumentArity.ZeroOrOne,
    };

    private readonly Option<string?> _file = new("--file") { Description = "With --routing, reads the text from a UTF-8 text file.", HelpName = "FILE" };
    private readonly Option<string?> _ids = new("--ids") { Description = "With --routing, reads a JSON array of token ids instead.", HelpName = "FILE" };
    private readonly Option<string?> _replay = ReplayOption.Create();
    private readonly Option<string?> _html = new("--html")
    {
        Description = "With --routing, also writes one HTML page with heat maps.",
        HelpName = "FILE",
    };

    private readonly Option<bool> _force = new("--force") { Description = "With --routing, replaces the page of --html where one is there." };

    private readonly Option<int?> _threads = Arguments.Threads();
    private readonly Option<RegisterWidth?> _width = Arguments.Width();

    internal void AddTo(Command command)
    {
        command.Add(_prompt);
        foreach (Option option in (Option[])[_routing, _file, _ids, _replay, _html, _force, _threads, _width])
            command.Add(option);
    }

    /// <summary>Whether routing is asked for; refuses what belongs to it where it is not.</summary>
    internal bool IsAsked(ParseResult parsed)
    {
        if (parsed.GetValue(_routing))
            return true;
        if (parsed.GetValue(_prompt) is not null)
            throw new UsageException("A text is read with --routing only.");
        if (Array.Find((Option[])[_file, _ids, _replay, _html, _force, _threads, _width], option => parsed.GetResult(option) is { Implicit: false }) is { } option)
            throw new UsageException($"{option.Name} needs --routing.");
        return false;
    }

    internal int Run(ParseResult parsed, string? asked, Precision? profile, bool json, Terminal terminal)
    {
        ModelOptions modelOptions = Arguments.Model(profile, parsed.GetValue(_width), parsed.GetValue(_threads));
        string? argument = parsed.GetValue(_prompt), file = parsed.GetValue(_file), idsFile = parsed.GetValue(_ids);
        if (new[] { argument, file, idsFile }.Count(source => source is not null) != 1)
            throw new UsageException("Give one text: as an argument, with --file or with --ids.");
        string? page = parsed.GetValue(_html);
        bool force = parsed.GetValue(_force);
        if (page is not null)
            HtmlPage.RequireNothingThere(page, force);
        int[]? ids = idsFile is null ? null : PromptIds.Read(idsFile);
        string text = argument ?? (file is null ? "" : PromptIds.ReadText(file));

        string name = ModelChoice.Resolve(asked, terminal);
        using var model = Transformer.Load(ModelChoice.Open(name, terminal), modelOptions);
        Tokenizer tokenizer = model.Checkpoint.Tokenizer;
        ids ??= PromptIds.Encode(text, model, tokenizer);
        PromptLimits.Require(model.Config, ids);
        RoutingReplay? replay = parsed.GetValue(_replay) is { } path ? RoutingReplay.Read(path, model.Config, ids) : null;
        var statistics = new RoutingStatistics(model);
        var options = new TraceOptions { Positions = [], Routing = statistics.Add, Replay = replay, Progress = TokenProgress.For(terminal, ids.Length) };
        Tracer.Run(model, ids, options, terminal.Cancellation);
        ReplayOption.Report(replay, terminal.Error);

        string shown = Path.Exists(name) ? Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(name))) : name;
        var report = new RoutingReport(shown, model.Config, model.Precision, statistics, tokenizer);
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
