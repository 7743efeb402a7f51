using System.Globalization;
using GptOss.Reference.Oracle.Stages;

namespace GptOss.Cli.Options;

/// <summary>What of a trace is meant: the lists of <c>--stages</c> and <c>--positions</c>.</summary>
internal static class Selection
{
    /// <summary>The stages of <c>--stages</c>; all without it.</summary>
    /// <exception cref="UsageException">A name is empty.</exception>
    internal static StageFilter Stages(string? list)
    {
        try
        {
            return list is null ? StageFilter.All : StageFilter.Parse(list);
        }
        catch (StageNameException e)
        {
            throw new UsageException(e.Message);
        }
    }

    /// <summary>The positions of <c>--positions</c>, ascending; null, which is all, without it.</summary>
    /// <param name="list">What was given.</param>
    /// <param name="tokens">How many positions there are.</param>
    /// <exception cref="UsageException">It is not a list of positions that ascend.</exception>
    internal static int[]? Positions(string? list, int tokens)
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
