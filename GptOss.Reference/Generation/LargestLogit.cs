using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace GptOss.Reference.Generation;

/// <summary>Greedy choice: the first id whose logit is the largest of a row, or of the ids that a mask allows.</summary>
/// <remarks>
/// Sixteen logits at a time; comparisons of floats are exact, so the answer is that of the loop over single ones. Under a mask the same loop
/// runs over blended rows: the lanes whose bit is 0 count as −∞, whatever stands there.
/// </remarks>
internal static class LargestLogit
{
    private const int Lanes = 16;

    // Lane i of a block looks at bit i of its sixteen bits of mask.
    private static readonly Vector512<int> BitOfLane = Vector512.Create(1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768);

    /// <summary>The first id of the largest logit.</summary>
    /// <exception cref="LogitsException">A logit is NaN, or all are −∞.</exception>
    internal static int First(ReadOnlySpan<float> logits)
    {
        if (logits.IsEmpty) throw new ArgumentException("A row of logits has at least one.", nameof(logits));
        ref float row = ref MemoryMarshal.GetReference(logits);
        Vector512<float> largest = Vector512.Create(float.NegativeInfinity), numbers = Vector512<float>.AllBitsSet;
        int id = 0;
        for (; id <= logits.Length - Lanes; id += Lanes)
        {
            Vector512<float> block = Vector512.LoadUnsafe(ref row, (nuint)id);
            largest = Vector512.ConditionalSelect(Vector512.GreaterThan(block, largest), block, largest);
            numbers &= Vector512.Equals(block, block);
        }

        float top = Largest(largest);
        bool anyNaN = Vector512.EqualsAny(numbers.AsInt32(), Vector512<int>.Zero);
        for (; id < logits.Length; id++)
        {
            top = logits[id] > top ? logits[id] : top;
            anyNaN |= float.IsNaN(logits[id]);
        }

        if (anyNaN) throw NotANumber(FirstNaN(logits, allowed: default));
        if (float.IsNegativeInfinity(top)) throw new LogitsException("Every logit is -infinity; no token can be chosen from such a row.");
        return logits.IndexOf(top);
    }

    /// <summary>The first id of the largest logit among the allowed ones; the others, and bits from the row's length on, are not looked at.</summary>
    /// <exception cref="LogitsException">An allowed logit is NaN, or all are −∞.</exception>
    internal static int First(ReadOnlySpan<float> logits, ReadOnlySpan<ulong> allowed)
    {
        if (logits.IsEmpty) throw new ArgumentException("A row of logits has at least one.", nameof(logits));
        if (allowed.Length < TokenConstraint.MaskWords(logits.Length))
            throw new ArgumentException($"A mask over {logits.Length} ids has {TokenConstraint.MaskWords(logits.Length)} words.", nameof(allowed));
        ref float row = ref MemoryMarshal.GetReference(logits);
        Vector512<float> least = Vector512.Create(float.NegativeInfinity), largest = least, numbers = Vector512<float>.AllBitsSet;
        int whole = logits.Length / 64;
        for (int word = 0; word < whole; word++)
        {
            ulong bits = allowed[word];
            for (int id = word * 64; bits != 0; bits >>= Lanes, id += Lanes)
            {
                Vector512<float> block = Blended(ref row, id, bits, least);
                largest = Vector512.ConditionalSelect(Vector512.GreaterThan(block, largest), block, largest);
                numbers &= Vector512.Equals(block, block);
            }
        }

        float top = Largest(largest);
        bool anyNaN = Vector512.EqualsAny(numbers.AsInt32(), Vector512<int>.Zero);
        int rest = logits.Length % 64;
        for (ulong bits = rest > 0 ? allowed[whole] & (1UL << rest) - 1 : 0; bits != 0; bits &= bits - 1)
        {
            float logit = logits[whole * 64 + BitOperations.TrailingZeroCount(bits)];
            top = logit > top ? logit : top;
            anyNaN |= float.IsNaN(logit);
        }

        if (anyNaN) throw NotANumber(FirstNaN(logits, allowed));
        if (float.IsNegativeInfinity(top))
            throw new LogitsException("Every allowed logit is -infinity, or none is allowed; no token can be chosen from such a row.");
        return FirstEqual(logits, allowed, top);
    }

    private static Vector512<float> Blended(ref float row, int id, ulong bits, Vector512<float> least)
    {
        Vector512<float> block = Vector512.LoadUnsafe(ref row, (nuint)id);
        Vector512<int> lanes = Vector512.Equals(Vector512.Create((int)bits) & BitOfLane, BitOfLane);
        return Vector512.ConditionalSelect(lanes.AsSingle(), block, least);
    }

    private static int FirstEqual(ReadOnlySpan<float> logits, ReadOnlySpan<ulong> allowed, float top)
    {
        for (int from = 0; ; from++)
        {
            from += logits[from..].IndexOf(top);
            if ((allowed[from / 64] >> from % 64 & 1) != 0) return from;
        }
    }

    private static int FirstNaN(ReadOnlySpan<float> logits, ReadOnlySpan<ulong> allowed)
    {
        int id = 0;
        while (!float.IsNaN(logits[id]) || (!allowed.IsEmpty && (allowed[id / 64] >> id % 64 & 1) == 0)) id++;
        return id;
    }

    private static float Largest(Vector512<float> lanes)
    {
        float largest = lanes[0];
        for (int i = 1; i < Lanes; i++) largest = lanes[i] > largest ? lanes[i] : largest;
        return largest;
    }

    private static LogitsException NotANumber(int id) => new($"The logit of id {id} is not a number; no token can be chosen from such a row.");
}
