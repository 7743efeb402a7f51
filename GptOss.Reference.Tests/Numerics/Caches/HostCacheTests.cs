using GptOss.Reference.Numerics.Caches;
using Xunit;

namespace GptOss.Reference.Tests.Numerics.Caches;

[Trait("Category", "Numeric")]
public unsafe class HostCacheTests
{
    [Theory]
    [InlineData(null, false, 10)]
    [InlineData(null, true, 10)]
    [InlineData(7, false, 64)]
    [InlineData(7, true, 2)]
    [InlineData(300, true, 33)]
    public void What_is_written_is_read_back_in_tiles_that_end_with_their_page_or_ring(int? ring, bool bfloat16, int headDim)
    {
        const int heads = 3, length = 600;
        int padded = (headDim + 15) & ~15;
        HostCache cache = new(heads, headDim, ring, bfloat16);
        Assert.Equal(padded, cache.PaddedHeadDim);
        float[] scratch = new float[64 * padded];
        for (int p = 0; p < length; p++)
        {
            cache.Reserve(p, p + 1);
            cache.Write(p, Row(p, 0), Row(p, 1));
            Assert.Equal(ring is int held ? Math.Max(0, p + 1 - held) : 0, cache.FirstHeld);
        }
        for (int head = 0; head < heads; head++)
        {
            foreach (bool values in new[] { false, true })
            {
                for (int p = cache.FirstHeld; p < length;)
                {
                    fixed (float* s = scratch)
                    {
                        float* tile = cache.Tile(head, p, Math.Min(64, length - p), values, s, out int count);
                        int place = p % (ring ?? length);
                        Assert.Equal(Math.Min(Math.Min(64, length - p), Math.Min(64 - place % 64, (ring ?? length) - place)), count);
                        for (int i = 0; i < count; i++, p++)
                        {
                            float[] expected = [.. Row(p, values ? 1 : 0).AsSpan(head * headDim, headDim), .. new float[padded - headDim]];
                            Bits.Equal(expected, new ReadOnlySpan<float>(tile + i * padded, padded), $"position {p}, head {head}");
                        }
                    }
                }
            }
        }

        float[] Row(int position, int kind) => new Numbers(2 * position + kind).Floats(heads * headDim, bfloat16: bfloat16);
    }

    [Fact]
    public void Pages_are_added_as_positions_come_and_a_ring_stays_once_it_is_full()
    {
        HostCache pages = new(2, 10, null, false), ring = new(2, 10, 130, false), half = new(2, 10, 130, true);
        Assert.Equal(0, pages.Bytes);
        int fed = 0;
        foreach ((int end, int count, int round) in new[] { (1, 1, 1), (64, 1, 1), (65, 2, 2), (130, 3, 3), (1000, 16, 3) })
        {
            foreach (HostCache cache in new[] { pages, ring, half })
            {
                long needed = cache.BytesToReserve(fed, end), before = cache.Bytes;
                cache.Reserve(fed, end);
                Assert.Equal(cache.Bytes - before, needed);
            }
            fed = end;
            Assert.Equal(count * 2 * 2 * 64 * 16 * 4L, pages.Bytes);
            Assert.Equal(round * 2 * 2 * 64 * 16 * 4L, ring.Bytes);
            Assert.Equal(round * 2 * 2 * 64 * 16 * 2L, half.Bytes);
            Assert.Equal((pages.Bytes, ring.Bytes), (HostCache.BytesFor(2, 10, null, false, end), HostCache.BytesFor(2, 10, 130, false, end)));
        }
        Assert.Equal(870, ring.FirstHeld);
        Assert.Equal(0, pages.FirstHeld);
        ring.Forget(0);
        Assert.Equal(0, ring.FirstHeld);
        Assert.Equal(3 * 2 * 2 * 64 * 16 * 4L, ring.Bytes);
    }

    [Theory]
    [InlineData(null)]
    [InlineData(100)]
    public void A_fork_reads_what_was_written_before_it_and_neither_sees_what_the_other_writes(int? ring)
    {
        CacheMemory memory = HostCache.NewMemory(1, 16, bfloat16: false, limit: null);
        HostCache first = new(1, 16, ring, false, memory);
        Fill(first, 0, 150, kind: 0);
        long alone = memory.Held;
        var second = (HostCache)first.Fork(first.FirstHeld, 150);
        Assert.Equal((first.FirstHeld, alone), (second.FirstHeld, memory.Held));
        Check(second, second.FirstHeld, 150, kind: 0);

        Fill(first, 150, 170, kind: 0);
        // the pages that 150 … 169 fall into, and nothing else
        Assert.Equal(alone + (ring is null ? 1 : 2) * memory.PageBytes, memory.Held);
        Fill(second, 150, 300, kind: 2);
        Check(first, first.FirstHeld, 170, kind: 0);
        Check(second, Math.Max(150, second.FirstHeld), 300, kind: 2);
        if (ring is null)
            Check(second, 0, 150, kind: 0);

        first.Release();
        Assert.Equal(second.Bytes, memory.Held);
        second.Release();
        Assert.Equal(0, memory.Held);
    }

    [Fact]
    public void Under_a_limit_returned_pages_are_reused_and_no_page_exceeds_it()
    {
        CacheMemory memory = HostCache.NewMemory(1, 10, bfloat16: false, limit: 4 * 2 * 64 * 16 * 4 + 1);
        HostCache first = new(1, 10, null, false, memory), second = new(1, 10, null, false, memory);
        Fill(first, 0, 256, kind: 0, width: 10);
        CachePage[] pages = [.. first.Pages];
        Assert.Equal("8192 more bytes of keys and values are needed; 32768 of at most 32769 are held.",
            Assert.Throws<CacheFullException>(() => second.Reserve(0, 1)).Message);
        Assert.Equal(4 * memory.PageBytes, memory.Held);
        first.Release();
        Fill(second, 0, 256, kind: 2, width: 10);
        Assert.Equal([.. pages.Reverse()], second.Pages);
        Check(second, 0, 256, kind: 2, width: 10);                          // padding is still zero
    }

    private static void Fill(HostCache cache, int from, int end, int kind, int width = 16)
    {
        for (int p = from; p < end; p++)
        {
            cache.Reserve(p, p + 1);
            cache.Write(p, new Numbers(4 * p + kind).Floats(width), new Numbers(4 * p + kind + 1).Floats(width));
        }
    }

    private static void Check(HostCache cache, int from, int end, int kind, int width = 16)
    {
        for (int p = from; p < end; p++)
        {
            foreach (bool values in new[] { false, true })
            {
                float* row = cache.Tile(0, p, 1, values, null, out _);
                Bits.Equal([.. new Numbers(4 * p + kind + (values ? 1 : 0)).Floats(width), .. new float[16 - width]],
                    new ReadOnlySpan<float>(row, 16), $"position {p}");
            }
        }
    }

    [Fact]
    public void Rows_of_another_width_are_refused()
    {
        HostCache cache = new(2, 10, null, false);
        cache.Reserve(0, 1);
        Assert.Throws<ArgumentOutOfRangeException>(() => cache.Write(0, new float[19], new float[20]));
        Assert.Throws<ArgumentOutOfRangeException>(() => cache.Write(0, new float[20], new float[21]));
    }
}
