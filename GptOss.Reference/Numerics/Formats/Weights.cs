using GptOss.Reference.Numerics.Integers;
using GptOss.Reference.Numerics.Workers;

namespace GptOss.Reference.Numerics.Formats;

/// <summary>
/// Weight matrices of one shape in one stored format, read in place: one matrix, or one for each expert. A product asks the format for its rows once
/// and runs on them without another virtual call, so one format costs the loops of the others nothing.
/// </summary>
/// <remarks>A new format is a class like this one, the rows that it hands out, and the reader that finds it in a file.</remarks>
internal abstract class Weights
{
    private readonly bool[] _areNumbers;

    /// <summary>Describes <paramref name="count"/> matrices of [<paramref name="rows"/>, <paramref name="columns"/>].</summary>
    /// <exception cref="ArgumentException">A size is not positive.</exception>
    protected Weights(int count, int rows, int columns)
    {
        if (count <= 0 || rows <= 0 || columns <= 0)
            throw new ArgumentException($"[{count}, {rows}, {columns}] is not a shape of weights.", nameof(rows));
        (Count, Rows, Columns) = (count, rows, columns);
        _areNumbers = new bool[count];
    }

    /// <summary>Matrices.</summary>
    internal int Count { get; }

    /// <summary>Outputs of one matrix.</summary>
    internal int Rows { get; }

    /// <summary>Inputs of one matrix.</summary>
    internal int Columns { get; }

    /// <summary>The format's usual name.</summary>
    internal abstract string Format { get; }

    /// <summary>Stored bytes of the weights.</summary>
    internal abstract long Bytes { get; }

    /// <summary>Whether lanes take activations by pairs: of every 32 the even ones, then the odd ones. Otherwise in their natural order.</summary>
    internal virtual bool ReadsPairs => false;

    /// <summary>Makes the exception for a weight that is not a number; set by the reader, which knows the file.</summary>
    internal Func<NotANumber, Exception>? Refusal { get; init; }

    /// <summary>Hands the rows of all matrices to <paramref name="job"/>; their memory is pinned until the job returns.</summary>
    internal abstract void Open<TJob>(ref TJob job) where TJob : struct, IWeightsJob;

    /// <summary>Whether products with activations in 8 bits are sums of integers.</summary>
    internal virtual bool HasIntegers => false;

    /// <summary>Hands the rows of all matrices to <paramref name="job"/> as integers and scales.</summary>
    internal virtual void OpenIntegers<TJob>(ref TJob job) where TJob : struct, IIntegerJob =>
        throw new NotSupportedException($"{Format} has no integers.");

    /// <summary>Writes one row of the first matrix as float32, exactly, in natural order.</summary>
    internal abstract void Decode(int row, Span<float> target);

    /// <summary>The first weight of a matrix that is not a finite number, or null. Reads the whole matrix, or all of its scales.</summary>
    internal abstract NotANumber? FindNotANumber(int matrix);

    /// <summary>The same weights in fewer bytes, or these if packing gains nothing.</summary>
    /// <param name="pool">The workers.</param>
    internal virtual Weights Packed(WorkerPool pool) => this;

    /// <summary>Checks a matrix when it is first used, and throws what <see cref="Refusal"/> makes of a weight that is not a number.</summary>
    internal void RequireNumbers(int matrix)
    {
        if (Refusal is null || _areNumbers[matrix])
            return;
        if (FindNotANumber(matrix) is { } found)
            throw Refusal(found);
        _areNumbers[matrix] = true;                // two threads may both look; both find the same
    }
}
