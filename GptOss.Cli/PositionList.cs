using System.Globalization;

namespace GptOss.Cli;

/// <summary>Reads <c>--positions</c>.</summary>
internal static class PositionList
{
    /// <summary>Ascending positions of a prompt, from 0,5,9 or last; null for all.</summary>
    /// <exception cref="UsageException">The list holds something else.</exception>
    internal static int[]? Parse(string? list, int tokens)
    {
        if (list is null)
            return null;
        if (string.Equals(list, "last", StringComparison.OrdinalIgnoreCase))
            return [tokens - 1];
        var positions = new List<int>();
        foreach (string item in list.Split(','))
        {
            if (!int.TryParse(item, NumberStyles.None, CultureInfo.InvariantCulture, out int position))
                throw new UsageException($"--positions holds '{item}'; expected positions such as 0,5,9, or last.");
            if (position >= tokens)
                throw new UsageException($"--positions holds {position}; positions go from 0 to {tokens - 1}.");
            if (positions.Count > 0 && position <= positions[^1])
                throw new UsageException($"--positions holds {position} after {positions[^1]}; expected ascending positions.");
            positions.Add(position);
        }
        return [.. positions];
    }
}
