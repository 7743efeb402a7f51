using GptOss.Reference.Checkpoints;
using GptOss.Reference.Numerics;

namespace GptOss.Reference.Oracle;

/// <summary>
/// What another program said about the positions of a prompt, and the numbers of ours that are compared with it: logits, a few log-probabilities, or
/// no more than the tokens that it chose.
/// </summary>
public abstract class DumpedRows
{
    private protected DumpedRows(ReadOnlyMemory<int> ids, IReadOnlyList<int> positions)
    {
        if (positions.Count == 0)
            throw new ArgumentException("There are no positions to compare.", nameof(positions));
        for (int i = 0; i < positions.Count; i++)
        {
            if (positions[i] < 0 || positions[i] >= ids.Length || i > 0 && positions[i] <= positions[i - 1])
                throw new ArgumentException($"Position {positions[i]} is compared; positions must ascend within 0 to {ids.Length - 1}.", nameof(positions));
        }
        (Ids, Positions) = (ids, positions);
    }

    /// <summary>The token ids that both read.</summary>
    public ReadOnlyMemory<int> Ids { get; }

    /// <summary>The position of each row, ascending.</summary>
    public IReadOnlyList<int> Positions { get; }

    /// <summary>Whether every value is a bfloat16 value: then the other program rounded as the published reference does.</summary>
    public abstract bool HoldsBfloat16 { get; }

    /// <summary>How many times the error of two logits may add up in one compared number.</summary>
    internal virtual int LogitsPerNumber => 1;

    /// <summary>Numbers that are compared of a row.</summary>
    internal abstract int WidthOf(int row);

    /// <summary>The dump's numbers of a row.</summary>
    /// <exception cref="CheckpointFormatException">One is not finite.</exception>
    internal abstract void Read(int row, Span<double> dumped);

    /// <summary>The same numbers of a model.</summary>
    internal abstract void Derive(int row, ReadOnlySpan<float> logits, Span<double> ours);
}

/// <summary>The log-probabilities of a few tokens at each position: ln softmax(logits), which servers return.</summary>
public sealed class DumpedLogProbabilities : DumpedRows
{
    private readonly List<KeyValuePair<int, double>[]> _rows;

    /// <summary>Takes the listed tokens of each position.</summary>
    /// <param name="ids">The token ids that were read.</param>
    /// <param name="positions">The position whose next token a row is about, ascending.</param>
    /// <param name="rows">For each position token ids and log-probabilities.</param>
    public DumpedLogProbabilities(ReadOnlyMemory<int> ids, IReadOnlyList<int> positions, IEnumerable<IReadOnlyDictionary<int, double>> rows)
        : base(ids, positions)
    {
        _rows = [.. rows.Select(row => row.OrderBy(pair => pair.Key).ToArray())];
        ArgumentOutOfRangeException.ThrowIfNotEqual(_rows.Count, positions.Count, nameof(rows));
    }

    /// <inheritdoc/>
    public override bool HoldsBfloat16 => _rows.TrueForAll(row => Array.TrueForAll(row, pair => Bfloat16.Round((float)pair.Value) == pair.Value));

    // A log-probability is a logit less the logarithm of a sum of them all, which moves by as much as they do.
    internal override int LogitsPerNumber => 2;

    internal override int WidthOf(int row) => _rows[row].Length;

    internal override void Read(int row, Span<double> dumped)
    {
        for (int i = 0; i < _rows[row].Length; i++)
            dumped[i] = _rows[row][i].Value;
    }

    internal override void Derive(int row, ReadOnlySpan<float> logits, Span<double> ours)
    {
        double largest = logits[StageComparison.ArgMax(logits)], sum = 0;
        foreach (float logit in logits)
            sum += Math.Exp(logit - largest);
        for (int i = 0; i < _rows[row].Length; i++)
            ours[i] = logits[_rows[row][i].Key] - largest - Math.Log(sum);
    }
}

/// <summary>The tokens that were chosen greedily: compared is by how much the chosen one's logit falls short of the largest, which is nothing in the dump.</summary>
public sealed class DumpedChoices : DumpedRows
{
    private readonly IReadOnlyList<int> _chosen;

    private DumpedChoices(ReadOnlyMemory<int> ids, IReadOnlyList<int> positions, IReadOnlyList<int> chosen) : base(ids, positions) => _chosen = chosen;

    /// <summary>A greedy continuation of a prompt: the tokens chosen are read on, as the other program read them.</summary>
    public static DumpedChoices Continuing(ReadOnlySpan<int> prompt, IReadOnlyList<int> chosen)
    {
        ArgumentNullException.ThrowIfNull(chosen);
        if (prompt.IsEmpty || chosen.Count == 0)
            throw new ArgumentException("A continuation needs a prompt and at least one token.", nameof(chosen));
        int last = prompt.Length - 1;
        return new((int[])[.. prompt, .. chosen.SkipLast(1)], [.. Enumerable.Range(last, chosen.Count)], chosen);
    }

    /// <summary>The most probable next token at positions of a text that is given.</summary>
    public static DumpedChoices At(ReadOnlyMemory<int> ids, IReadOnlyList<int> positions, IReadOnlyList<int> chosen)
    {
        ArgumentNullException.ThrowIfNull(positions);
        ArgumentNullException.ThrowIfNull(chosen);
        ArgumentOutOfRangeException.ThrowIfNotEqual(chosen.Count, positions.Count, nameof(chosen));
        return new(ids, positions, chosen);
    }

    /// <inheritdoc/>
    public override bool HoldsBfloat16 => false;           // ids do not tell

    internal override int LogitsPerNumber => 2;

    internal override int WidthOf(int row) => 1;

    internal override void Read(int row, Span<double> dumped) => dumped[0] = 0;

    internal override void Derive(int row, ReadOnlySpan<float> logits, Span<double> ours) =>
        ours[0] = (double)logits[StageComparison.ArgMax(logits)] - logits[_chosen[row]];
}
