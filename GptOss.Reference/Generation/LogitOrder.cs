using GptOss.Reference.Numerics.Lanes;

namespace GptOss.Reference.Generation;

/// <summary>The one order of tokens, logit descending then id ascending, and the unnormalised probability that goes with a logit.</summary>
/// <remarks>A token's place is a 64-bit key, so ordering is integer comparison: the same on every machine. −0 and +0 are equal logits.</remarks>
internal static class LogitOrder
{
    /// <summary>exp((logit − largest) / temperature) in double: 1 for the largest, also where that is +∞; 0 for −∞.</summary>
    internal static double Weight(float logit, float largest, double temperature) =>
        logit == largest ? 1 : Elementary.Exp(((double)logit - largest) / temperature);

    /// <summary>The place of a token: a smaller key comes earlier. The logit is not NaN.</summary>
    internal static ulong Key(float logit, int id)
    {
        uint bits = BitConverter.SingleToUInt32Bits(logit + 0f);                    // −0 + 0 = +0
        uint ascending = (bits & 0x8000_0000) != 0 ? ~bits : bits | 0x8000_0000;
        return (ulong)~ascending << 32 | (uint)id;
    }

    /// <summary>The id in a key.</summary>
    internal static int Id(ulong key) => (int)(uint)key;

    /// <summary>Makes a binary heap, earliest key first: O(n), so that only the tokens asked for are sorted.</summary>
    internal static void Heapify(Span<ulong> keys)
    {
        for (int parent = keys.Length / 2 - 1; parent >= 0; parent--) Sink(keys, parent);
    }

    /// <summary>Takes the earliest key out of a heap and shortens it by one.</summary>
    internal static ulong Pop(ref Span<ulong> heap)
    {
        ulong earliest = heap[0];
        heap[0] = heap[^1];
        heap = heap[..^1];
        if (!heap.IsEmpty) Sink(heap, 0);
        return earliest;
    }

    private static void Sink(Span<ulong> heap, int parent)
    {
        ulong key = heap[parent];
        for (int child; (child = 2 * parent + 1) < heap.Length; parent = child)
        {
            if (child + 1 < heap.Length && heap[child + 1] < heap[child]) child++;
            if (key <= heap[child]) break;
            heap[parent] = heap[child];
        }

        heap[parent] = key;
    }
}
