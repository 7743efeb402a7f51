using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Numerics;

namespace GptOss.Cli.Options;

/// <summary>Options that check their values: what is out of range is one sentence and exit code 2.</summary>
internal static class Arguments
{
    private const int MostListed = 20;

    /// <summary>A number from <paramref name="least"/> to <paramref name="most"/>.</summary>
    internal static Option<T> Number<T>(string name, string description, T least, T most, T value) where T : INumber<T> => new(name)
    {
        Description = description,
        HelpName = "N",
        DefaultValueFactory = _ => value,
        CustomParser = result => Parse(result, name, least, most),
    };

    /// <summary>The same without a default.</summary>
    internal static Option<T?> Number<T>(string name, string description, T least, T most) where T : struct, INumber<T> => new(name)
    {
        Description = description,
        HelpName = "N",
        CustomParser = result => Parse(result, name, least, most),
    };

    /// <summary>One of a few words; null where none is given, because help would show a default as the code spells it.</summary>
    internal static Option<T?> Word<T>(string name, string description, params (string Word, T Value)[] words) where T : struct => new(name)
    {
        Description = description,
        HelpName = string.Join('|', words.Select(word => word.Word)),
        CustomParser = result =>
        {
            string text = result.Tokens[0].Value;
            foreach ((string word, T meaning) in words)
            {
                if (word == text)
                    return meaning;
            }
            result.AddError($"{name} is '{text}'; expected {List(words.Select(word => word.Word))}.");
            return null;
        },
    };

    /// <summary>A date as 2025-06-28.</summary>
    internal static Option<DateOnly?> Date(string name, string description) => new(name)
    {
        Description = description,
        HelpName = "YYYY-MM-DD",
        CustomParser = result =>
        {
            if (!DateOnly.TryParseExact(result.Tokens[0].Value, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out DateOnly date))
                result.AddError($"{name} is '{result.Tokens[0].Value}'; expected a date such as 2025-06-28.");
            return date;
        },
    };

    /// <summary>a, b or c; of many words the first, and how many more there are.</summary>
    internal static string List(IEnumerable<string> words)
    {
        string[] all = [.. words];
        return all.Length < 2 ? string.Concat(all)
            : all.Length > MostListed ? $"{string.Join(", ", all[..MostListed])} and {all.Length - MostListed} more"
            : $"{string.Join(", ", all[..^1])} or {all[^1]}";
    }

    private static T Parse<T>(ArgumentResult result, string name, T least, T most) where T : INumber<T>
    {
        string text = result.Tokens[0].Value;
        if (T.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out T? number) && number >= least && number <= most)
            return number;
        result.AddError(string.Create(CultureInfo.InvariantCulture, $"{name} is '{text}'; expected a number from {least} to {most}."));
        return least;
    }
}
