using System.Collections;
using System.CommandLine;
using GptOss.Cli.Terminals;

namespace GptOss.Cli.Options;

/// <summary>Where a prompt comes from: an argument, <c>--file</c>, standard input, or <c>--ids</c>.</summary>
/// <param name="description">What is done with the text.</param>
internal sealed class PromptArguments(string description) : IEnumerable<Symbol>
{
    private readonly Argument<string?> _text = new("prompt")
    {
        Description = description + " With -, or where text is piped in and no prompt is given, standard input.",
        Arity = ArgumentArity.ZeroOrOne,
    };

    private readonly Option<string?> _file = new("--file") { Description = "Reads the text from a file in UTF-8.", HelpName = "FILE" };
    private readonly Option<bool> _lossy = TextInput.LossyOption();
    private readonly Option<string?> _ids = new("--ids")
    {
        Description = "Reads token ids from a JSON array instead, taken as they are.",
        HelpName = "FILE",
    };

    /// <summary>Whether ids are given instead of text.</summary>
    internal bool HasIds(ParseResult parsed) => parsed.GetValue(_ids) is not null;

    /// <summary>The first of these that was given; null where none was.</summary>
    internal string? Given(ParseResult parsed) => parsed.GetValue(_text) is not null ? "A prompt"
        : ((Option[])[_file, _lossy, _ids]).FirstOrDefault(option => parsed.GetResult(option) is { Implicit: false })?.Name;

    /// <summary>The one prompt.</summary>
    /// <exception cref="UsageException">There is none, or more than one.</exception>
    /// <exception cref="InputException">It cannot be read.</exception>
    internal Prompt Read(ParseResult parsed, Terminal terminal)
    {
        string? text = parsed.GetValue(_text), file = parsed.GetValue(_file), ids = parsed.GetValue(_ids);
        if (new[] { text, file, ids }.Count(source => source is not null) > 1)
            throw new UsageException("There are several prompts; give one, as an argument, with --file or with --ids.");
        if (ids is not null)
            return new(null, PromptIds.Read(ids, terminal), IsTyped: false);
        if (text is not (null or "-"))
            return new(text, null, IsTyped: true);
        if (file is null && text is null && !terminal.IsInputRedirected)
            throw new UsageException("There is no prompt; give it as an argument, with --file or --ids, or on standard input.");
        string read = TextInput.Read(file, terminal, parsed.GetValue(_lossy));
        return read.Length > 0 ? new(read, null, IsTyped: false)
            : throw new UsageException($"There is no prompt; {(file is null ? "standard input" : $"'{file}'")} is empty.");
    }

    public IEnumerator<Symbol> GetEnumerator() => new List<Symbol> { _text, _file, _lossy, _ids }.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
