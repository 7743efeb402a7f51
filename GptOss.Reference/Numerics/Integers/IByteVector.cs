using System.Runtime.Intrinsics;

namespace GptOss.Reference.Numerics.Integers;

/// <summary>A register of bytes, whatever its width, in quarters of 128 bits. Every integer product is written once over this.</summary>
/// <remarks>
/// A quarter holds four lanes of four bytes each. Everything here is exact, so no order of operations matters: all widths have the same sums.
/// </remarks>
internal unsafe interface IByteVector<TSelf> where TSelf : struct, IByteVector<TSelf>
{
    /// <summary>Quarters of 128 bits: 1, 2 or 4.</summary>
    static abstract int Quarters { get; }

    /// <summary>Registers of this width that the machine has.</summary>
    static abstract int Registers { get; }

    /// <summary>Zeros.</summary>
    static abstract TSelf Zero { get; }

    /// <summary>Consecutive bytes.</summary>
    static abstract TSelf Load(void* bytes);

    /// <summary>Sixteen bytes for each quarter, <paramref name="apart"/> bytes from one to the next.</summary>
    static abstract TSelf Load(byte* bytes, nint apart);

    /// <summary>Writes consecutive bytes.</summary>
    static abstract void Store(TSelf value, byte* bytes);

    /// <summary>In every quarter, lanes 0 and 1 of both, a first: a0 b0 a1 b1.</summary>
    static abstract TSelf LowLanes(TSelf a, TSelf b);

    /// <summary>In every quarter, lanes 2 and 3 of both, a first: a2 b2 a3 b3.</summary>
    static abstract TSelf HighLanes(TSelf a, TSelf b);

    /// <summary>In every quarter, the first pair of lanes of both: a0 a1 b0 b1.</summary>
    static abstract TSelf LowPairs(TSelf a, TSelf b);

    /// <summary>In every quarter, the last pair of lanes of both: a2 a3 b2 b3.</summary>
    static abstract TSelf HighPairs(TSelf a, TSelf b);

    /// <summary>The low half of every byte.</summary>
    static abstract TSelf LowNibbles(TSelf value);

    /// <summary>The high half of every byte.</summary>
    static abstract TSelf HighNibbles(TSelf value);

    /// <summary>Sixteen bytes in every quarter.</summary>
    static abstract TSelf Repeat(Vector128<byte> bytes);

    /// <summary>In every quarter, the byte of <paramref name="table"/> that each byte, 0 … 15, is the number of.</summary>
    static abstract TSelf LookUp(TSelf table, TSelf numbers);

    /// <summary>Two 16-bit numbers for each lane, as sums to add to.</summary>
    static abstract TSelf Begin(void* halves);

    /// <summary>
    /// Adds the products of unsigned bytes, at most 24 each, and signed ones, −127 … 127: of <paramref name="w0"/> with <paramref name="x0"/> and of
    /// <paramref name="w1"/> with <paramref name="x1"/>. What is kept in 16 bits may overflow on the way; the sums of a whole step do not.
    /// </summary>
    static abstract TSelf MultiplyAdd(TSelf w0, TSelf x0, TSelf w1, TSelf x1, TSelf sums);

    /// <summary>The same for two sums, with one product each and the same <paramref name="x"/>.</summary>
    /// <remarks>
    /// Both multiplications, then both additions: where they alternate, Zen 4 gives an addition the port that the next multiplication needs.
    /// </remarks>
    static abstract void MultiplyAdd(TSelf w0, TSelf w1, TSelf x, ref TSelf sums0, ref TSelf sums1);

    /// <summary>Sums as 32-bit integers, lane by lane.</summary>
    static abstract TSelf Lanes(TSelf sums);

    /// <summary>16 · high + low of two such sums as 32-bit integers.</summary>
    static abstract TSelf Join(TSelf high, TSelf low);

    /// <summary>
    /// float32 lanes: fma((float)<paramref name="integers"/>, <paramref name="w"/> · <paramref name="x"/>, <paramref name="lanes"/>).
    /// </summary>
    static abstract TSelf AddScaled(TSelf lanes, TSelf integers, TSelf w, TSelf x);
}
