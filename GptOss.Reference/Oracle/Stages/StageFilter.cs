namespace GptOss.Reference.Oracle.Stages;

/// <summary>Which stages are wanted: names where <c>*</c> stands for any run of characters, as in <c>block.0.*</c> or <c>*.residual</c>.</summary>
public sealed class StageFilter
{
    private readonly string[] _patterns;

    private StageFilter(string[] patterns) => _patterns = patterns;

    /// <summary>Every stage.</summary>
    public static StageFilter All { get; } = new(["*"]);

    /// <summary>Reads patterns separated by commas; a stage is wanted if one of them matches its whole name.</summary>
    /// <exception cref="StageNameException">A pattern is empty.</exception>
    public static StageFilter Parse(string patterns)
    {
        ArgumentNullException.ThrowIfNull(patterns);
        string[] split = patterns.Split(',', StringSplitOptions.TrimEntries);
        if (split.Contains(""))
            throw new StageNameException($"'{patterns}' holds an empty stage name; give names such as block.0.*,*.residual,logits.");
        return new(split);
    }

    /// <summary>Whether a stage of this name is wanted.</summary>
    public bool Matches(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return Array.Exists(_patterns, pattern => IsMatch(pattern, name));
    }

    /// <summary>The patterns, separated by commas.</summary>
    public override string ToString() => string.Join(',', _patterns);

    /// <summary>Goes back only to the last star, so time is at most pattern × name.</summary>
    private static bool IsMatch(ReadOnlySpan<char> pattern, ReadOnlySpan<char> name)
    {
        int p = 0, n = 0, star = -1, resume = 0;
        while (n < name.Length)
        {
            if (p < pattern.Length && pattern[p] == '*')
                (star, resume) = (p++, n);
            else if (p < pattern.Length && pattern[p] == name[n])
                (p, n) = (p + 1, n + 1);
            else if (star >= 0)
                (p, n) = (star + 1, ++resume);
            else
                return false;
        }
        return pattern[p..].TrimStart('*').IsEmpty;
    }
}
