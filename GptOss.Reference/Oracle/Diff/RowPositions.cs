using GptOss.Reference.Ground;
using GptOss.Reference.Oracle.Dumps;

namespace GptOss.Reference.Oracle.Diff;

/// <summary>Positions that are asked for: a list, or the last one there is.</summary>
/// <param name="List">Ascending; null for the last.</param>
public sealed record PositionChoice(IReadOnlyList<int>? List)
{
    /// <summary>The last position.</summary>
    public static PositionChoice Last { get; } = new((IReadOnlyList<int>?)null);
}

/// <summary>Which position each row of a dump belongs to, and which positions two dumps have in common.</summary>
internal static class RowPositions
{
    /// <summary>Finds the positions of two dumps.</summary>
    /// <param name="a">One dump, and the most rows that a stage of it has.</param>
    /// <param name="b">The other.</param>
    /// <param name="asked">What the user asked for: the rows of a dump that has as many and does not say where they belong, and a choice among all others.</param>
    /// <param name="notes">Receives what was assumed.</param>
    /// <exception cref="CheckpointFormatException">Nothing says where the rows of a dump belong.</exception>
    internal static (IReadOnlyList<int> A, IReadOnlyList<int> B) Of((Dump Dump, int Rows) a, (Dump Dump, int Rows) b, PositionChoice? asked, List<string> notes)
    {
        int? tokens = a.Dump.Ids?.Count ?? b.Dump.Ids?.Count;
        return (OfOne(a, b.Dump), OfOne(b, a.Dump));

        IReadOnlyList<int> OfOne((Dump Dump, int Rows) side, Dump other)
        {
            if (side.Dump.Positions is { } stated)
                return stated;
            if (asked is { List: { } list } && list.Count == side.Rows)
                return list;
            if (asked is { List: null } && side.Rows == 1 && (tokens ?? other.Positions?[^1] + 1) is { } all)
                return [all - 1];
            if (tokens == side.Rows || tokens is null && other.Positions is null)
                return [.. Enumerable.Range(0, side.Rows)];
            if (other.Positions?.Count == side.Rows)
            {
                notes.Add($"{Name(side.Dump)} does not say which positions its {Rows(side.Rows)} are; taken for those of {Name(other)}.");
                return other.Positions;
            }
            if (side.Rows > 1 && tokens == side.Rows + 1)
            {
                notes.Add($"{Name(side.Dump)} has {Rows(side.Rows)} for {tokens} tokens; taken for positions 0 to {side.Rows - 1}.");
                return [.. Enumerable.Range(0, side.Rows)];
            }
            throw new CheckpointFormatException(side.Dump.Path, "dump-positions",
                $"it has {Rows(side.Rows)} and does not say of which positions, and {Name(other)} has {(tokens is null ? "" : $"{tokens} tokens and ")}"
                + $"{(other.Positions?.Count is { } count ? $"{count} positions" : "no positions")}; name them with --positions.");
        }
    }

    /// <summary>The positions that are compared: those of both that were asked for.</summary>
    internal static int[] InCommon(IReadOnlyList<int> a, IReadOnlyList<int> b, PositionChoice? asked)
    {
        int[] common = [.. a.Intersect(b).Order()];
        return asked switch
        {
            null => common,
            { List: { } list } => [.. common.Intersect(list)],
            _ => common.Length > 0 && common[^1] == Math.Max(a[^1], b[^1]) ? [common[^1]] : [],
        };
    }

    /// <summary>The row of each position in a stage; a stage of one row is that of the last token, as where an engine drops the others early.</summary>
    /// <returns>Null where the rows of the stage fit neither.</returns>
    internal static Dictionary<int, int>? RowsOf(StageTensor stage, Dump dump, IReadOnlyList<int> positions)
    {
        if (stage.Rows == positions.Count)
            return Enumerable.Range(0, positions.Count).ToDictionary(row => positions[row]);
        return stage.Rows == 1 ? new() { [(dump.Ids?.Count ?? positions[^1] + 1) - 1] = 0 } : null;
    }

    private static string Rows(int rows) => rows == 1 ? "1 row" : $"{rows} rows";

    private static string Name(Dump dump) => Printable.Clip(Path.GetFileName(Path.TrimEndingDirectorySeparator(dump.Path)));
}
