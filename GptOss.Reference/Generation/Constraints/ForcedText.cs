using System.Text;
using System.Text.Unicode;
using GptOss.Reference.Tokens;

namespace GptOss.Reference.Generation.Constraints;

/// <summary>Bytes that are certain as the tokens that the tokenizer would have made of them.</summary>
/// <remarks>
/// Only whole pieces of text (<see cref="Tokenizer.Split"/>) become tokens, and of these only such as no text that may follow can join or part: which
/// those are is found by trying one of each kind of character behind them.
/// </remarks>
internal static class ForcedText
{
    // A letter of either case, a mark, digits, spaces, a line end, punctuation, and the contractions that belong to a word.
    private static readonly string[] MayFollow = ["a", "A", "\u0301", "1", " ", " a", "\n", "\"", "/", "'s", "s", "e", "l"];

    /// <summary>The tokens of as many of the bytes as are certain, whatever follows them.</summary>
    internal static List<int> CertainTokensOf(ReadOnlySpan<byte> bytes, Tokenizer tokenizer)
    {
        while (!bytes.IsEmpty && !Utf8.IsValid(bytes))
            bytes = bytes[..^1];
        if (bytes.IsEmpty || bytes[0] is >= 0x80 and < 0xC0)
            return [];
        string text = Encoding.UTF8.GetString(bytes);
        List<int> certain = BoundariesOf(text, "");
        foreach (string following in MayFollow)
        {
            List<int> boundaries = BoundariesOf(text, following);
            certain.RemoveAll(boundary => !boundaries.Contains(boundary));
        }
        return certain.Count == 0 ? [] : [.. tokenizer.Encode(text[..certain[^1]])];
    }

    // Where pieces of the text end, as long as all of them lie in it.
    private static List<int> BoundariesOf(string text, string following)
    {
        var boundaries = new List<int>();
        int at = 0;
        foreach (string piece in Tokenizer.Split(text + following))
        {
            at += piece.Length;
            if (at <= text.Length)
                boundaries.Add(at);
        }
        return boundaries;
    }
}
