using System.CommandLine;
using System.Globalization;
using System.Text;
using GptOss.Cli.Terminals;
using GptOss.Reference.Checkpoints;
using GptOss.Reference.Tokens;

namespace GptOss.Cli.Options;

/// <summary>The input of commands that need a tokenizer but no weights.</summary>
internal static class TextInput
{
    /// <summary><c>--model</c>, of which only the tokenizer is used.</summary>
    internal static Option<string?> ModelOption() => new("--model")
    {
        Description = "A checkpoint whose tokenizer is used; without it, o200k_harmony, and no checkpoint is needed.",
        HelpName = "MODEL",
    };

    /// <summary>The tokenizer of the model that was asked for, or o200k_harmony.</summary>
    internal static Tokenizer TokenizerOf(string? model, Terminal terminal)
    {
        if (model is null)
            return Tokenizer.O200kHarmony;
        using Checkpoint checkpoint = ModelChoice.Open(model, terminal);
        return checkpoint.Tokenizer;
    }

    /// <summary><c>--lossy</c>.</summary>
    internal static Option<bool> LossyOption() =>
        new("--lossy") { Description = "Reads bytes that are not UTF-8 as U+FFFD; without it, they are refused." };

    /// <summary>A file, or standard input where none or <c>-</c> is named.</summary>
    /// <param name="path">The file.</param>
    /// <param name="terminal">Whose standard input it may be.</param>
    /// <param name="isLossy">What <c>--lossy</c> says; null where the command does not have it.</param>
    /// <exception cref="InputException">There is no such file.</exception>
    internal static TextReader Open(string? path, Terminal terminal, bool? isLossy = null)
    {
        if (path is null or "-")
        {
            if (terminal.In is Utf8Reader input)
                input.IsLossy = isLossy;
            return terminal.In;
        }
        if (Directory.Exists(path))
            throw new InputException($"{path} is a folder; expected a file.");
        return File.Exists(path) ? new Utf8Reader(File.OpenRead(path), Path.GetFileName(path)) { IsLossy = isLossy }
            : throw new InputException($"There is no file '{path}'.");
    }

    /// <summary>All of a file, or of standard input where none or <c>-</c> is named.</summary>
    /// <exception cref="InputException">There is no such file, or it is longer than any prompt.</exception>
    internal static string Read(string? path, Terminal terminal, bool? isLossy = null)
    {
        using TextReader reader = Open(path, terminal, isLossy);
        return reader.ReadToEnd();
    }

    /// <summary>Ids as people paste them: a JSON array, or numbers with white space or commas between them.</summary>
    /// <exception cref="InputException">A word is not a whole number of 32 bits.</exception>
    internal static int[] Ids(string text)
    {
        string list = text.Trim();
        if (list.StartsWith('[') != list.EndsWith(']'))
        {
            throw new InputException(
                $"The list of ids {(list.StartsWith('[') ? "begins with [ and does not end with ]" : "ends with ] and does not begin with [")}.");
        }
        string[] words = list.Trim('[', ']').Split([' ', ',', '\t', '\r', '\n'], StringSplitOptions.RemoveEmptyEntries);
        return [.. words.Select((word, index) => uint.TryParse(word, NumberStyles.None, CultureInfo.InvariantCulture, out uint id)
            ? unchecked((int)id)
            : throw new InputException($"Word {index + 1} is {Quoted(word.Length > 40 ? word[..40] + "…" : word)}; expected a token id."))];
    }

    /// <summary>Ids as a JSON array, which <see cref="Ids"/> and <c>generate --ids</c> read.</summary>
    internal static string Written(ReadOnlySpan<int> ids)
    {
        var text = new StringBuilder("[");
        for (int i = 0; i < ids.Length; i++)
            text.Append(i > 0 ? ", " : "").Append(CultureInfo.InvariantCulture, $"{(uint)ids[i]}");
        return text.Append(']').ToString();
    }

    /// <summary>A text in quotes on one line, as JSON has it.</summary>
    internal static string Quoted(string text)
    {
        var quoted = new StringBuilder("\"");
        foreach (char c in text)
        {
            _ = c switch
            {
                '"' or '\\' => quoted.Append('\\').Append(c),
                '\n' => quoted.Append("\\n"),
                '\r' => quoted.Append("\\r"),
                '\t' => quoted.Append("\\t"),
                < ' ' or (>= '\u007f' and < '\u00a0') or '\u2028' or '\u2029' => quoted.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}"),
                _ => quoted.Append(c),
            };
        }
        return quoted.Append('"').ToString();
    }
}
