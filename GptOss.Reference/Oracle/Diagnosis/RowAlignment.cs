using GptOss.Reference.Ground;

namespace GptOss.Reference.Oracle.Diagnosis;

/// <summary>Which rows of a dump are compared, and which positions of the prompt they belong to.</summary>
internal static class RowAlignment
{
    /// <summary>Pairs of a row and its position, ascending.</summary>
    /// <param name="path">The dump, for messages.</param>
    /// <param name="rows">Rows of the dump.</param>
    /// <param name="tokens">Tokens of the prompt.</param>
    /// <param name="stated">The position of each row, where the dump says so.</param>
    /// <param name="asked">The positions that are to be compared; null for all.</param>
    /// <remarks>One row fewer than tokens is taken for all but the last: many programs drop it, because nothing in the text follows it.</remarks>
    /// <exception cref="CheckpointFormatException">The rows are neither of those positions nor of all.</exception>
    internal static IReadOnlyList<(int Row, int Position)> Of(string path, int rows, int tokens, IReadOnlyList<int>? stated,
        IReadOnlyList<int>? asked)
    {
        IReadOnlyList<int> positions =
            stated is not null ? stated
            : rows == tokens ? [.. Enumerable.Range(0, tokens)]
            : asked?.Count == rows ? asked
            : rows > 1 && rows == tokens - 1 ? [.. Enumerable.Range(0, rows)]
            : throw Bad($"there {Rows(rows)} for the {tokens} tokens of the "
                + $"prompt{(asked is null ? "" : $" and the {asked.Count} positions asked for")}; "
                + "expected one for each, or for each of the positions that are named.");
        if (positions.Count != rows)
            throw Bad($"there {Rows(rows)} and {positions.Count} positions; expected one for each.");
        if (positions[^1] >= tokens)
            throw Bad($"a row is of position {positions[^1]}, and the prompt has {tokens} tokens.");
        if (asked is null)
            return [.. positions.Select((position, row) => (row, position))];

        var rowAt = positions.Select((position, row) => (position, row)).ToDictionary(pair => pair.position, pair => pair.row);
        return [.. asked.Select(position =>
            rowAt.TryGetValue(position, out int row) ? (row, position) : throw Bad($"there is no row for position {position}."))];

        static string Rows(int rows) => rows == 1 ? "is 1 row" : $"are {rows} rows";
        CheckpointFormatException Bad(string sentence) => new(path, "dump-rows", sentence);
    }
}
