using System.CommandLine;
using System.Globalization;
using System.Text;
using GptOss.Cli.Options;
using GptOss.Cli.Output;
using GptOss.Cli.Terminals;
using GptOss.Reference.Harmony;
using GptOss.Reference.Tokens;

namespace GptOss.Cli.Tokens;

/// <summary><c>gptoss tokens</c>: text as ids, ids as text, and where one token ends and the next begins.</summary>
internal sealed class TokensCommand
{
    private enum Form
    {
        Split,
        Ids,
        Count,
    }

    private readonly Argument<string?> _text = new("text")
    {
        Description = "The text, or the ids with --decode; without it, or with -, standard input.",
        Arity = ArgumentArity.ZeroOrOne,
    };

    private readonly Option<string?> _file = new("--file") { Description = "Reads a UTF-8 file instead.", HelpName = "FILE" };
    private readonly Option<bool> _decode = new("--decode") { Description = "The input is ids, as a JSON array or as words; prints their text." };
    private readonly Option<bool> _special = new("--special")
    {
        Description = "Names of special tokens, such as <|start|>, become their ids; without it they are plain text.",
    };

    private readonly Option<Form?> _as = Arguments.Word("--as",
        "What is printed of a text: one token a line and their number, a JSON array, or their number; split if not given.",
        ("split", Form.Split), ("ids", Form.Ids), ("count", Form.Count));

    private readonly Option<bool> _jsonl = new("--jsonl")
    {
        Description = "Reads lines {\"text\"} and writes {\"ids\"}, or {\"ids\"} and writes {\"text\"}.",
    };

    private readonly Option<bool> _lossy = TextInput.LossyOption();
    private readonly Option<string?> _model = TextInput.ModelOption();

    internal static Command Create(Terminal terminal)
    {
        var options = new TokensCommand();
        var command = new Command("tokens", "Turns text into token ids and back, and shows how a text is split.")
        {
            options._text, options._file, options._decode, options._special, options._as, options._jsonl, options._lossy, options._model,
        };
        command.SetAction(parsed => options.Run(parsed, terminal));
        return command;
    }

    private int Run(ParseResult parsed, Terminal terminal)
    {
        string? text = parsed.GetValue(_text) is { } given and not "-" ? given : null;
        if (text is not null && parsed.GetValue(_file) is not null)
            throw new UsageException("A text and --file exclude each other.");
        bool hasSpecials = parsed.GetValue(_special);
        if (parsed.GetValue(_jsonl) && (text is not null || parsed.GetValue(_decode)))
            throw new UsageException("--jsonl reads lines from standard input or --file; each says itself whether it is text or ids.");
        Tokenizer tokenizer = TextInput.TokenizerOf(parsed.GetValue(_model), terminal);
        using TextReader input = text is null ? TextInput.Open(parsed.GetValue(_file), terminal, parsed.GetValue(_lossy)) : new StringReader(text);
        if (parsed.GetValue(_jsonl))
        {
            var lines = new HarmonyLines(tokenizer);
            return JsonLines.Run(input, terminal, line => lines.Tokens(line, hasSpecials));
        }

        string all = input.ReadToEnd();
        if (parsed.GetValue(_decode))
        {
            int[] read = TextInput.Ids(all);
            if (Array.FindIndex(read, id => !tokenizer.IsKnown(id)) is >= 0 and var at)
                throw new InputException($"Id {at + 1} is {(uint)read[at]}; this tokenizer has ids 0 to {tokenizer.Count - 1}.");
            terminal.Out.Write(tokenizer.Decode(read));
            if (terminal.IsOutputTerminal)
                terminal.Out.WriteLine();
            return ExitCodes.Ok;
        }
        int[] ids = hasSpecials ? tokenizer.EncodeWithSpecials(all) : tokenizer.Encode(all);
        switch (parsed.GetValue(_as))
        {
            case Form.Ids:
                terminal.Out.WriteLine(TextInput.Written(ids));
                break;
            case Form.Count:
                terminal.Out.WriteLine(ids.Length.ToString(CultureInfo.InvariantCulture));
                break;
            default:
                foreach (int id in ids)
                    terminal.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{id,6}  {Shown(tokenizer, id)}"));
                terminal.Out.WriteLine(ids.Length == 1 ? "1 token" : string.Create(CultureInfo.InvariantCulture, $"{ids.Length} tokens"));
                break;
        }
        return ExitCodes.Ok;
    }

    // A special token by its bare name, text in quotes, and bytes that are not whole characters as bytes.
    private static string Shown(Tokenizer tokenizer, int id)
    {
        if (tokenizer.SpecialName(id) is { } name)
            return name;
        ReadOnlySpan<byte> bytes = tokenizer.TokenBytes(id).Span;
        return System.Text.Unicode.Utf8.IsValid(bytes) ? TextInput.Quoted(Encoding.UTF8.GetString(bytes)) : "bytes " + Convert.ToHexString(bytes);
    }
}
