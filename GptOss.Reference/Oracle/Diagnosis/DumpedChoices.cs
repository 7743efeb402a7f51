using GptOss.Reference.Oracle.Verification;

namespace GptOss.Reference.Oracle.Diagnosis;

/// <summary>The tokens that were chosen greedily. What is compared is by how much the chosen one's logit falls short of the largest, which is 0 in the dump.</summary>
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

    internal override void Compare(int row, ReadOnlySpan<float> logits, Span<double> dumped, Span<double> ours) =>
        ours[0] = (double)logits[StageComparison.ArgMax(logits)] - logits[_chosen[row]];
}
