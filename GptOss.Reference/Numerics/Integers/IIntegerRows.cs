namespace GptOss.Reference.Numerics.Integers;

/// <summary>Stored weight rows whose products with 8-bit activations are sums of integers.</summary>
/// <remarks>
/// The sum of a block is an integer and exact, whatever the order of its 32 products. Block b adds its sum, as a float32, times (the activations'
/// scale · the weights' scale) to lane <see cref="IntegerStep.LaneOf"/>(b) with one fused multiply-add, blocks in ascending order, and the lanes are
/// added up as those of every dot product are.
/// </remarks>
internal unsafe interface IIntegerRows<TSelf> where TSelf : unmanaged, IIntegerRows<TSelf>
{
    /// <summary>Columns of a row, a multiple of 32.</summary>
    int Columns { get; }

    /// <summary>The activations that the rows meet.</summary>
    static abstract IntegerOrder Order { get; }

    /// <summary>Nibbles of a stored weight: one, which stands for an unsigned byte of at most 24, or two, the low one first.</summary>
    static abstract int Planes { get; }

    /// <summary>Up to how many activation rows meet the stored weights straight away; unpacking pays for more.</summary>
    static abstract int FewTokens { get; }

    /// <summary>Whether the last step of the row may be read as a whole one where the row ends before it.</summary>
    bool MayReadBehind(nint row);

    /// <summary>What <see cref="Bytes"/> looks nibbles up in, kept in a register over all steps.</summary>
    static abstract TBytes Table<TBytes>() where TBytes : struct, IByteVector<TBytes>;

    /// <summary>The unsigned bytes that nibbles stand for.</summary>
    static abstract TBytes Bytes<TBytes>(TBytes table, TBytes nibbles) where TBytes : struct, IByteVector<TBytes>;

    /// <summary>
    /// One nibble of all weights of a step, for the quarters of a register from <paramref name="quarter"/> on: <paramref name="k0"/> holds groups 0
    /// and 1 of <see cref="IntegerStep"/> in the low and the high half of its bytes, and so on.
    /// </summary>
    void Load<TBytes>(nint row, int step, int plane, int quarter, out TBytes k0, out TBytes k1, out TBytes k2, out TBytes k3)
        where TBytes : struct, IByteVector<TBytes>;

    /// <summary>Writes the scales of a step by lane, 0 behind its first <paramref name="count"/> blocks.</summary>
    void Scales<TBytes>(nint row, int step, int count, float* scales) where TBytes : struct, IByteVector<TBytes>;

    /// <summary>Rows of which the first step is a copy of this one, for where nothing behind the row may be read.</summary>
    /// <param name="row">The row.</param>
    /// <param name="step">Its step.</param>
    /// <param name="count">Blocks that the row has of it.</param>
    /// <param name="memory"><see cref="IntegerStep.Columns"/> bytes.</param>
    TSelf Copy(nint row, int step, int count, byte* memory);

    /// <summary>Asks for the lines that a few rows further on take the place of this step of four rows.</summary>
    void Prefetch(nint row, int step);
}
