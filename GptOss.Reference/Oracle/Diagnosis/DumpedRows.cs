using GptOss.Reference.Ground;

namespace GptOss.Reference.Oracle.Diagnosis;

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
