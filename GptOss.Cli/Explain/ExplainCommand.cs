using System.CommandLine;
using System.Globalization;
using GptOss.Cli.Options;
using GptOss.Cli.Output;
using GptOss.Cli.Terminals;
using GptOss.Reference.Checkpoints.Storage;
using GptOss.Reference.Generation;
using GptOss.Reference.Model;
using GptOss.Reference.Tokens;

namespace GptOss.Cli.Explain;

/// <summary><c>gptoss explain</c>: one token through the model, stage by stage, for people who want to see how it works.</summary>
internal sealed class ExplainCommand
{
    private readonly PromptArguments _prompt = new("Text to run as it is, special tokens by name.");
    private readonly Option<string?> _position = new("--position")
    {
        Description = "The token that is followed, counted from 0; or last, which is the default.",
        HelpName = "N|last",
    };

    private readonly Option<string?> _html = new("--html")
    {
        Description = "Writes one page that needs nothing beside it, instead of text.",
        HelpName = "FILE",
    };
    private readonly Option<bool> _force = new("--force") { Description = "Replaces the page of --html where one is there." };
    private readonly Option<bool> _json = new("--json") { Description = "Prints one JSON object." };
    private readonly ModelArguments _model = new();

    internal static Command Create(Terminal terminal)
    {
        var options = new ExplainCommand();
        var command = new Command("explain",
            "Follows one token through the model: every stage with formula, values and source line, attention, experts, logit lens.")
        {
            options._prompt, options._position, options._html, options._force, options._json, options._model,
        };
        command.SetAction(parsed => options.Run(parsed, terminal));
        return command;
    }

    private int Run(ParseResult parsed, Terminal terminal)
    {
        ModelOptions modelOptions = _model.Options(parsed, terminal);
        string? page = parsed.GetValue(_html);
        Prompt prompt = _prompt.Read(parsed, terminal);
        if (page is not null)
            RequireWritable(page, parsed.GetValue(_force));

        string asked = _model.Choose(parsed, terminal);
        using var model = ModelLoading.Load(ModelChoice.Open(asked, terminal), modelOptions, terminal);
        Tokenizer? tokenizer = model.Checkpoint.Tokenizer;
        int[] ids = prompt.AsItIs(model.Config, tokenizer);
        if (model.Config.VocabSize < tokenizer.Count)
            tokenizer = null;                          // ids that are not text
        PromptLimits.Require(model.Config, ids);
        int position = Position(parsed.GetValue(_position), ids.Length);

        string name = Path.Exists(asked) ? new DirectoryInfo(asked).Name : asked;
        TokenPass pass = Pass(model, name, tokenizer, ids, position, terminal.Cancellation);
        if (page is not null)
        {
            ExplainHtml.Write(pass, page, parsed.GetValue(_force));
            string size = OutputTarget.Of(page) is { IsFile: true } target ? $", {Text.Bytes(new FileInfo(target.Path).Length)}" : "";
            terminal.Error.WriteLine($"{page} written{size}.");
        }
        if (parsed.GetValue(_json))
            terminal.Out.WriteLine(ExplainJson.Of(pass));
        else if (page is null)
            ExplainText.Write(pass, terminal.Out);
        return ExitCodes.Ok;
    }

    private static TokenPass Pass(Transformer model, string name, Tokenizer? tokenizer, int[] ids, int position, CancellationToken cancellation)
    {
        try
        {
            return TokenPass.Run(model, name, tokenizer, ids, position, cancellation);
        }
        catch (LogitsException e)
        {
            throw NotANumber.Located(e, model, ids.AsMemory(0, position + 1), cancellation);
        }
    }

    // Before the model runs, which may take minutes.
    private static void RequireWritable(string page, bool force)
    {
        if (Directory.Exists(page))
            throw new UsageException($"--html is '{page}', which is a folder; give a file to write, such as token.html.");
        string folder = Path.GetDirectoryName(Path.GetFullPath(page))!;
        if (!Directory.Exists(folder))
            throw new UsageException($"There is no folder '{Path.GetDirectoryName(page)}' to write {Path.GetFileName(page)} into.");
        Existing.Refuse(page, force);
    }

    private static int Position(string? position, int tokens)
    {
        if (position is null || string.Equals(position, "last", StringComparison.OrdinalIgnoreCase))
            return tokens - 1;
        if (!int.TryParse(position, NumberStyles.None, CultureInfo.InvariantCulture, out int number))
            throw new UsageException($"--position is '{position}'; expected a position such as 5, or last.");
        return number < tokens ? number : throw new UsageException($"--position is {number}; positions go from 0 to {tokens - 1}.");
    }
}
