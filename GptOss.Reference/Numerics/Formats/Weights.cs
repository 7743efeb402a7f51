using GptOss.Reference.Numerics.Workers;

namespace GptOss.Reference.Numerics.Formats;

/// <summary>
/// Weight matrices of one shape in one stored format, read in place: one matrix, or one for each expert. A product asks a format for its rows once
/// and runs on them without another virtual call, so a format costs the loops of others nothing.
/// </summary>
/// <remarks>A new format is a class like this one, the rows that it hands out, and the reader that finds it in a file.</remarks>
internal abstract class Weights
{
    private readonly bool[] _areNumbers;

    /// <summary>Describes <paramref name="count"/> matrices of [<paramref name="rows"/>, <paramref name="columns"/>].</summary>
    /// <exception cref="ArgumentException">There are none, or their rows are more than a product can count.</exception>
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

    /// <summary>The format's name, as files and people have it.</summary>
    internal abstract string Format { get; }

    /// <summary>Bytes that the weights take as they are read.</summary>
    internal abstract long Bytes { get; }

    /// <summary>Whether lanes take activations by pairs: of every 32 the even ones, then the odd ones. Otherwise in their natural order.</summary>
    internal virtual bool ReadsPairs => false;

    /// <summary>What to throw where a weight is not a number; set by whoever knows which file it is in.</summary>
    internal Func<NotANumber, Exception>? Refusal { get; init; }

    /// <summary>Hands the rows of all matrices to <paramref name="job"/>; their memory stays where it is until the job returns.</summary>
    internal abstract void Open<TJob>(ref TJob job) where TJob : struct, IWeightsJob;

    /// <summary>Writes one row of the first matrix as float32, exactly, in natural order.</summary>
    internal abstract void Decode(int row, Span<float> target);

    /// <summary>The first weight of a matrix that is not a finite number, or null. Reads all of it, or of its scales.</summary>
    internal abstract NotANumber? FindNotANumber(int matrix);

    /// <summary>The same weights in fewer bytes, or these where the format has nothing to gain.</summary>
    /// <param name="pool">Shares the work out.</param>
    internal virtual Weights Packed(WorkerPool pool) => this;

    /// <summary>Looks through a matrix when it is first used, and throws what <see cref="Refusal"/> makes where a weight is not a number.</summary>
    internal void RequireNumbers(int matrix)
    {
        if (Refusal is null || _areNumbers[matrix])
            return;
        if (FindNotANumber(matrix) is { } found)
            throw Refusal(found);
        _areNumbers[matrix] = true;                // two threads may both look; both find the same
    }
}
