using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace GptOss.Reference.Generation;

/// <summary>Greedy choice: the first id whose logit is the largest of a row, or of the ids that a mask allows.</summary>
/// <remarks>
/// Sixty-four logits at a time are compared with the largest one so far; only where one of them is larger, or not a number, are they looked at one
/// by one, and at the mask with them. A row has few such places, so a mask costs next to nothing; the answer is that of the loop over single ones.
/// </remarks>
internal static class LargestLogit
{
    private const int Block = 64, Lanes = 16;

    /// <summary>The first id of the largest logit.</summary>
    /// <exception cref="LogitsException">A logit is NaN, or all are −∞.</exception>
    internal static int First(ReadOnlySpan<float> logits) => logits.IsEmpty ? throw Empty(nameof(logits)) : Find(logits, default) is var id and >= 0
        ? id : throw new LogitsException("Every logit is -infinity; no token can be chosen from such a row.");

    /// <summary>The first id of the largest logit among the allowed ones; the others, and bits from the row's length on, are not looked at.</summary>
    /// <exception cref="LogitsException">An allowed logit is NaN, or all are −∞.</exception>
    internal static int First(ReadOnlySpan<float> logits, ReadOnlySpan<ulong> allowed)
    {
        if (logits.IsEmpty)
            throw Empty(nameof(logits));
        if (allowed.Length < TokenConstraint.MaskWords(logits.Length))
            throw new ArgumentException($"A mask over {logits.Length} ids has {TokenConstraint.MaskWords(logits.Length)} words.", nameof(allowed));
        return Find(logits, allowed) is var id and >= 0
            ? id : throw new LogitsException("Every allowed logit is -infinity, or none is allowed; no token can be chosen from such a row.");
    }

    // −1 where nothing is above −∞; an empty mask allows all.
    private static int Find(ReadOnlySpan<float> logits, ReadOnlySpan<ulong> allowed)
    {
        ref float row = ref MemoryMarshal.GetReference(logits);
        int first = -1, whole = logits.Length / Block, rest = logits.Length % Block;
        var largest = Vector512.Create(float.NegativeInfinity);
        for (int word = 0; word < whole; word++)
        {
            ulong bits = allowed.IsEmpty ? ulong.MaxValue : allowed[word];
            if (bits == 0 || NoneIsLarger(ref row, word * Block, largest))
                continue;
            Look(logits, word * Block, bits, ref first);
            if (first >= 0)
                largest = Vector512.Create(logits[first]);
        }
        if (rest > 0)
            Look(logits, whole * Block, (allowed.IsEmpty ? ulong.MaxValue : allowed[whole]) & (1UL << rest) - 1, ref first);
        return first;
    }

    // False too where a logit is not a number.
    private static bool NoneIsLarger(ref float row, int id, Vector512<float> largest)
    {
        Vector512<float> all = Vector512.LessThanOrEqual(Vector512.LoadUnsafe(ref row, (nuint)id), largest)
            & Vector512.LessThanOrEqual(Vector512.LoadUnsafe(ref row, (nuint)(id + Lanes)), largest)
            & Vector512.LessThanOrEqual(Vector512.LoadUnsafe(ref row, (nuint)(id + 2 * Lanes)), largest)
            & Vector512.LessThanOrEqual(Vector512.LoadUnsafe(ref row, (nuint)(id + 3 * Lanes)), largest);
        return Vector512.EqualsAll(all.AsInt32(), Vector512<int>.AllBitsSet);
    }

    private static void Look(ReadOnlySpan<float> logits, int from, ulong bits, ref int first)
    {
        float largest = first < 0 ? float.NegativeInfinity : logits[first];
        for (; bits != 0; bits &= bits - 1)
        {
            int id = from + BitOperations.TrailingZeroCount(bits);
            if (logits[id] <= largest)
                continue;
            if (float.IsNaN(logits[id]))
                throw new LogitsException($"The logit of id {id} is not a number; no token can be chosen from such a row.");
            (first, largest) = (id, logits[id]);
        }
    }

    private static ArgumentException Empty(string name) => new("A row of logits has at least one.", name);
}
