using GptOss.Reference.Ground;
using GptOss.Reference.Model;

namespace GptOss.Reference.Oracle.Diagnosis;

/// <summary>
/// What another program said about the positions of a prompt, and the numbers of ours that are compared with it: logits, a few log-probabilities, or
/// just the tokens that it chose.
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
            {
                throw new ArgumentException($"Position {positions[i]} is compared; positions must ascend within 0 to {ids.Length - 1}.",
                    nameof(positions));
            }
        }
        (Ids, Positions) = (ids, positions);
    }

    /// <summary>The token ids that both read.</summary>
    public ReadOnlyMemory<int> Ids { get; }

    /// <summary>The position of each row, ascending.</summary>
    public IReadOnlyList<int> Positions { get; }

    /// <summary>Whether every value is a bfloat16 value: then the other program rounded as the published reference does.</summary>
    public abstract bool HoldsBfloat16 { get; }

    /// <summary>How the dump is read where it is not what it seems: sentences without their end.</summary>
    public virtual IEnumerable<string> Readings => [];

    /// <summary>How many times the error of two logits may add up in one compared number.</summary>
    internal virtual int LogitsPerNumber => 1;

    /// <summary>Whether <see cref="Reread"/> may find another reading.</summary>
    internal virtual bool MayBeReread => false;

    /// <summary>Numbers that are compared of a row.</summary>
    internal abstract int WidthOf(int row);

    /// <summary>The dump's numbers of a row, as they are stored.</summary>
    /// <exception cref="CheckpointFormatException">One is not a number.</exception>
    internal abstract void Read(int row, Span<double> dumped);

    /// <summary>Brings a row of the dump, and a model's logits, to the form in which they are compared; both NaN is no difference.</summary>
    /// <param name="row">The row.</param>
    /// <param name="logits">The model's logits.</param>
    /// <param name="dumped">What <see cref="Read"/> gave; may be changed.</param>
    /// <param name="ours">Receives the model's numbers.</param>
    internal abstract void Compare(int row, ReadOnlySpan<float> logits, Span<double> dumped, Span<double> ours);

    /// <summary>The same rows in the reading that agrees best with the sound model's; this object where that is how they are read.</summary>
    internal virtual DumpedRows Reread(Transformer sound, CancellationToken cancellation) => this;
}
