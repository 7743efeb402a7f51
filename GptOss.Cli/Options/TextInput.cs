using System.CommandLine;
using System.Globalization;
using System.Text;
using GptOss.Cli.Terminals;
using GptOss.Reference.Checkpoints;
using GptOss.Reference.Tokens;

namespace GptOss.Cli.Options;

/// <summary>What the commands that need a tokenizer and no weights read.</summary>
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

    /// <summary>A file, or standard input where none or <c>-</c> is named.</summary>
    /// <exception cref="InputException">There is no such file.</exception>
    internal static TextReader Open(string? path, Terminal terminal)
    {
        if (path is null or "-")
            return terminal.In;
        if (Directory.Exists(path))
            throw new InputException($"{path} is a folder; expected a file.");
        return File.Exists(path) ? new StreamReader(path, Encoding.UTF8) : throw new InputException($"There is no file '{path}'.");
    }

    /// <summary>Ids as people paste them: a JSON array, or numbers with white space or commas between them.</summary>
    /// <exception cref="InputException">A word is no whole number of 32 bits.</exception>
    internal static int[] Ids(string text)
    {
        string[] words = text.Trim().TrimStart('[').TrimEnd(']').Split([' ', ',', '\t', '\r', '\n'], StringSplitOptions.RemoveEmptyEntries);
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
