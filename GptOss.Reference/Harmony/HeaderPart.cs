using System.Text.RegularExpressions;

namespace GptOss.Reference.Harmony;

/// <summary>A stretch of a header's text, from which words with a meaning are taken one by one; the rest stays verbatim.</summary>
internal sealed partial class HeaderPart(string text)
{
    private string _text = text;

    /// <summary>The words that are left, cut at white space and in front of <c>&lt;|constrain|&gt;</c>.</summary>
    internal List<string> Words => [.. WordPattern().Matches(_text).Select(word => word.Value)];

    /// <summary>What is left, without the one space that separates it from what comes before; empty if it is blank.</summary>
    internal string Text => string.IsNullOrWhiteSpace(_text) ? "" : _text[0] == ' ' ? _text[1..] : _text;

    /// <summary>Whether what is left reads like text for people rather than debris: two words or more.</summary>
    internal bool IsProse => Words.Count(HasLetter) >= 2;

    /// <summary>Whether a word says to whom a message goes.</summary>
    internal static bool IsRecipient(string word) => word.StartsWith("to=", StringComparison.Ordinal);

    /// <summary>Takes the first word; null if there is none.</summary>
    internal string? TakeFirst() => Take(0);

    /// <summary>Takes the recipient if it is the first word that has a letter in it and is acceptable; null if it is not.</summary>
    internal string? TakeRecipient(Predicate<string> isAcceptable)
    {
        int at = Words.FindIndex(HasLetter);
        return at >= 0 && IsRecipient(Words[at]) && isAcceptable(Words[at][3..]) && Take(at)![3..] is { Length: > 0 } recipient ? recipient : null;
    }

    /// <summary>Takes the content type that <c>&lt;|constrain|&gt;</c> begins; null if there is none.</summary>
    internal string? TakeConstraint()
    {
        int at = Words.FindIndex(word => word.StartsWith(HarmonyTokens.ConstrainName, StringComparison.Ordinal));
        if (at < 0)
            return null;
        string type = Take(at)!;
        return type == HarmonyTokens.ConstrainName && at < Words.Count ? $"{type} {Take(at)}" : type;
    }

    /// <summary>Takes the content type from in front of content: what <c>&lt;|constrain|&gt;</c> begins, or a type that is in use.</summary>
    /// <param name="isCall">Whether a bare word may be one.</param>
    internal string? TakeTypeInFront(bool isCall)
    {
        Match match = (isCall ? CallTypePattern() : ConstraintPattern()).Match(_text);
        if (!match.Success)
            return null;
        _text = _text[match.Length..];
        return match.Value.Trim();
    }

    private string? Take(int index)
    {
        MatchCollection words = WordPattern().Matches(_text);
        if (index >= words.Count)
            return null;
        Match word = words[index];
        int end = word.Index + word.Length;
        _text = index == 0 ? _text[end..] : $"{_text[..word.Index].TrimEnd()} {_text[end..].TrimStart()}";
        return word.Value;
    }

    private static bool HasLetter(string word) => word.Any(char.IsLetter);

    [GeneratedRegex(@"(?:<\|constrain\|>)?(?:(?!<\|constrain\|>)[^ \t\n\f\r])+|<\|constrain\|>")]
    private static partial Regex WordPattern();

    [GeneratedRegex(@"^\s*<\|constrain\|>\s*[A-Za-z]*")]
    private static partial Regex ConstraintPattern();

    [GeneratedRegex(@"^\s*(?:<\|constrain\|>\s*[A-Za-z]*|(?:json|code)(?![A-Za-z]))")]
    private static partial Regex CallTypePattern();
}
