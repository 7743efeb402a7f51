namespace GptOss.Reference.Numerics.Integers;

/// <summary>Stored weight rows whose products with 8-bit activations are sums of integers.</summary>
/// <remarks>
/// The sum of a block is an integer and exact, whatever the order of its 32 products. Block b adds its sum, as a float32, times (the activations'
/// scale · the weights' scale) to lane <see cref="IntegerStep.LaneOf"/>(b) with one fused multiply-add, blocks in ascending order, and the lanes are
/// added up as those of every dot product are.
/// </remarks>
internal unsafe interface IIntegerRows
{
    /// <summary>Columns of a row, a multiple of 32.</summary>
    int Columns { get; }

    /// <summary>The activations that the rows meet.</summary>
    static abstract IntegerOrder Order { get; }

    /// <summary>Unsigned bytes of at most 24 that an unpacked weight has: one, or two that are its low and its high nibble.</summary>
    static abstract int Planes { get; }

    /// <summary>Up to how many activation rows meet the stored weights straight away; unpacking pays for more.</summary>
    static abstract int FewTokens { get; }

    /// <summary>Whether the last step of the row may be read as a whole one where the row ends before it.</summary>
    bool MayReadBehind(nint row);

    /// <summary>What <see cref="Sums"/> looks weights up in, kept in a register over all steps.</summary>
    static abstract TBytes Table<TBytes>() where TBytes : struct, IByteVector<TBytes>;

    /// <summary>
    /// The sums of one step of a stored row for the quarters of a register from <paramref name="quarter"/> on, offset included.
    /// </summary>
    TBytes Sums<TBytes>(TBytes table, nint row, int step, int quarter, sbyte* codes) where TBytes : struct, IByteVector<TBytes>;

    /// <summary>Writes the scales of a step by lane, 0 behind its first <paramref name="count"/> blocks.</summary>
    void Scales<TBytes>(nint row, int step, int count, float* scales) where TBytes : struct, IByteVector<TBytes>;

    /// <summary>
    /// Writes one step's weights as bytes, plane by plane in the groups of <see cref="IntegerStep"/>, and the scales by lane. Reads nothing behind
    /// the row.
    /// </summary>
    void Unpack<TBytes>(nint row, int step, byte* weights, float* scales) where TBytes : struct, IByteVector<TBytes>;

    /// <summary>Asks for the lines that a few rows further on take the place of this step of four rows.</summary>
    void Prefetch(nint row, int step);
}
