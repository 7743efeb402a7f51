using System.Numerics.Tensors;
using GptOss.Reference.Numerics.Buffers;

namespace GptOss.Reference.Model;

/// <summary>
/// Rows of logits that belong to the caller: only <see cref="Transformer.Forward(BatchItem, LogitsBuffer, CancellationToken)"/> fills them.
/// </summary>
/// <remarks>
/// The memory grows with the largest call and is kept, so a buffer that is used again costs no allocation. Any number of threads may read it; only
/// one pass may fill it at a time.
/// </remarks>
public sealed class LogitsBuffer
{
    private Memory<float> _memory;

    /// <summary>
    /// Rows of the last pass: those that its batch wanted, in the order of the batch and of its tokens. 0 before the first pass and after one that
    /// failed.
    /// </summary>
    public int Count { get; private set; }

    /// <summary>Values of a row: the size of the vocabulary.</summary>
    public int Width { get; private set; }

    /// <summary>All rows, [<see cref="Count"/>, <see cref="Width"/>]; valid until the next pass into this buffer.</summary>
    public Rows Rows => new(_memory.Span, Count, Width, Width);

    /// <summary>
    /// All rows as a tensor, [<see cref="Count"/>, <see cref="Width"/>], or the empty one; valid until the next pass into this buffer.
    /// </summary>
    public ReadOnlyTensorSpan<float> Tensor => Count == 0 ? default : new(_memory.Span[..(Count * Width)], [Count, Width]);

    /// <summary>One row, one value per id; valid until the next pass into this buffer.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such row.</exception>
    public Span<float> this[int row] => Rows[row];

    /// <summary>Withdraws the rows of the last pass and makes room for new ones, which <see cref="Show"/> makes visible.</summary>
    internal Rows Reserve(int rows, int width)
    {
        Count = 0;
        if (_memory.Length < (long)rows * width)
            _memory = AlignedBuffer.Allocate<float>(rows * width);
        return new(_memory.Span, rows, width, width);
    }

    /// <summary>Makes the reserved rows visible.</summary>
    internal Rows Show(int rows, int width)
    {
        (Count, Width) = (rows, width);
        return Rows;
    }
}
