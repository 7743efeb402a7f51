namespace GptOss.Reference.Generation.Constraints.Languages;

/// <summary>What <c>\p{…}</c> may name: Unicode's general categories, by their short and long names.</summary>
internal static class CategoryNames
{
    /// <summary>Short names in the order of <see cref="System.Globalization.UnicodeCategory"/>.</summary>
    internal static readonly string[] Short =
    [
        "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Co", "Pc", "Pd", "Ps", "Pe",
        "Pi", "Pf", "Po",
        "Sm", "Sc", "Sk", "So", "Cn",
    ];

    private static readonly Dictionary<string, string[]> Long = new(StringComparer.Ordinal)
    {
        ["Letter"] = ["L"], ["Cased_Letter"] = ["Lu", "Ll", "Lt"], ["LC"] = ["Lu", "Ll", "Lt"], ["Uppercase_Letter"] = ["Lu"],
        ["Lowercase_Letter"] = ["Ll"],
        ["Titlecase_Letter"] = ["Lt"], ["Modifier_Letter"] = ["Lm"], ["Other_Letter"] = ["Lo"], ["Mark"] = ["M"], ["Combining_Mark"] = ["M"],
        ["Nonspacing_Mark"] = ["Mn"], ["Spacing_Mark"] = ["Mc"], ["Enclosing_Mark"] = ["Me"], ["Number"] = ["N"], ["Decimal_Number"] = ["Nd"],
        ["digit"] = ["Nd"], ["Letter_Number"] = ["Nl"], ["Other_Number"] = ["No"], ["Separator"] = ["Z"], ["Space_Separator"] = ["Zs"],
        ["Line_Separator"] = ["Zl"], ["Paragraph_Separator"] = ["Zp"], ["Other"] = ["C"], ["Control"] = ["Cc"], ["cntrl"] = ["Cc"],
        ["Format"] = ["Cf"],
        ["Private_Use"] = ["Co"], ["Unassigned"] = ["Cn"], ["Punctuation"] = ["P"], ["punct"] = ["P"], ["Connector_Punctuation"] = ["Pc"],
        ["Dash_Punctuation"] = ["Pd"], ["Open_Punctuation"] = ["Ps"], ["Close_Punctuation"] = ["Pe"], ["Initial_Punctuation"] = ["Pi"],
        ["Final_Punctuation"] = ["Pf"], ["Other_Punctuation"] = ["Po"], ["Symbol"] = ["S"], ["Math_Symbol"] = ["Sm"], ["Currency_Symbol"] = ["Sc"],
        ["Modifier_Symbol"] = ["Sk"], ["Other_Symbol"] = ["So"],
    };

    /// <summary>Beginnings of the short names that a name covers; none for a name that is no general category.</summary>
    internal static string[] Prefixes(string name)
    {
        foreach (string key in (ReadOnlySpan<string>)["General_Category=", "gc="])
            if (name.StartsWith(key, StringComparison.Ordinal)) name = name[key.Length..];
        if (Long.TryGetValue(name, out string[]? prefixes)) return prefixes;
        bool isShort = name.Length is 1 or 2 && Array.Exists(Short, known => known.StartsWith(name, StringComparison.Ordinal));
        return isShort ? [name] : [];
    }
}
