using GptOss.Reference.Ground;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Oracle.Dumps;

namespace GptOss.Reference.Oracle.Diagnosis;

/// <summary>The log-probabilities of a few tokens at each position: ln softmax(logits), which servers return.</summary>
public sealed class DumpedLogProbabilities : DumpedRows
{
    private readonly KeyValuePair<int, double>[][] _rows;

    private DumpedLogProbabilities(ReadOnlyMemory<int> ids, IReadOnlyList<int> positions, KeyValuePair<int, double>[][] rows)
        : base(ids, positions) => _rows = rows;

    /// <summary>Takes what a file lists.</summary>
    /// <param name="list">The file's entries; those without log-probabilities are passed over.</param>
    /// <param name="vocabulary">Ids are below it.</param>
    /// <param name="ids">The token ids that were read.</param>
    /// <param name="positions">The positions whose next token is listed, ascending; null where there is an entry for every token.</param>
    /// <exception cref="CheckpointFormatException">There is not one entry for each position, or an id that the model does not have.</exception>
    public static DumpedLogProbabilities Of(ListedLogProbabilities list, int vocabulary, ReadOnlyMemory<int> ids,
        IReadOnlyList<int>? positions = null)
    {
        ArgumentNullException.ThrowIfNull(list);
        (int Row, int Position)[] wanted =
        [
            .. RowAlignment.Of(list.Path, list.Rows.Count, ids.Length, null, positions).Where(entry => list.Rows[entry.Row] is { Count: > 0 }),
        ];
        if (wanted.Length == 0)
            throw new CheckpointFormatException(list.Path, "logprobs", "no position that is compared has log-probabilities.");
        foreach ((int row, int position) in wanted)
        {
            if (list.Rows[row]!.Keys.Max() is var id && id >= vocabulary)
            {
                throw new CheckpointFormatException(list.Path, "logprobs",
                    $"token {id} at position {position} is unknown; the model has ids 0 to {vocabulary - 1}.");
            }
        }
        return new(ids, [.. wanted.Select(entry => entry.Position)],
            [.. wanted.Select(entry => list.Rows[entry.Row]!.OrderBy(pair => pair.Key).ToArray())]);
    }

    /// <inheritdoc/>
    public override bool HoldsBfloat16 =>
        Array.TrueForAll(_rows, row => Array.TrueForAll(row, pair => Bfloat16.Round((float)pair.Value) == pair.Value));

    // A log-probability is a logit less the logarithm of a sum of them all, which moves by as much as they do.
    internal override int LogitsPerNumber => 2;

    internal override int WidthOf(int row) => _rows[row].Length;

    internal override void Read(int row, Span<double> dumped)
    {
        for (int i = 0; i < dumped.Length; i++)
            dumped[i] = _rows[row][i].Value;
    }

    internal override void Compare(int row, ReadOnlySpan<float> logits, Span<double> dumped, Span<double> ours)
    {
        double lnSum = LogitsKinds.LogSumExp(logits);
        for (int i = 0; i < ours.Length; i++)
            ours[i] = logits[_rows[row][i].Key] - lnSum;
    }
}
