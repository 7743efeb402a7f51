using GptOss.Reference.Numerics.Lanes;

namespace GptOss.Reference.Oracle.Diff;

/// <summary>How many representable values lie between two results: counts for 0, 1, 2, up to 4, up to 8, … of them.</summary>
/// <remarks>Both are rounded to the type first. +0 and −0 are 0 apart; a NaN, or an infinity beside a number, counts as not comparable.</remarks>
public sealed class UlpHistogram
{
    private const int Buckets = 34;
    private readonly long[] _counts = new long[Buckets];

    /// <summary>Elements where one side is NaN or infinite and the other is something else.</summary>
    public long NotComparable { get; private set; }

    /// <summary>Elements counted.</summary>
    public long Total => _counts.Sum() + NotComparable;

    /// <summary>The largest distance of each bucket and its count, without empty ones.</summary>
    public IEnumerable<(long UpTo, long Count)> Counts =>
        Enumerable.Range(0, Buckets).Where(bucket => _counts[bucket] > 0).Select(bucket => (bucket == 0 ? 0 : 1L << (bucket - 1), _counts[bucket]));

    internal void AddFloat32(float a, float b, bool comparable) => Add(Ordered(BitConverter.SingleToInt32Bits(a)), Ordered(BitConverter.SingleToInt32Bits(b)), comparable);

    internal void AddBfloat16(float a, float b, bool comparable) => Add(Ordered((short)Bfloat16.FromSingle(a)), Ordered((short)Bfloat16.FromSingle(b)), comparable);

    private void Add(long a, long b, bool comparable)
    {
        long distance = Math.Abs(a - b);
        if (!comparable)
            NotComparable++;
        else
            _counts[distance == 0 ? 0 : 65 - System.Numerics.BitOperations.LeadingZeroCount((ulong)(distance - 1))]++;
    }

    /// <summary>Neighbouring values are neighbouring numbers, and both zeros are 0.</summary>
    private static long Ordered(int bits) => bits < 0 ? -(long)(bits & int.MaxValue) : bits;

    private static long Ordered(short bits) => bits < 0 ? -(long)(bits & short.MaxValue) : bits;
}
