using GptOss.Reference.Numerics.Attention;
using Xunit;

namespace GptOss.Reference.Tests.Numerics.Attention;

[Trait("Category", "Numeric")]
public unsafe class KeyValueCacheTests
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
        int padded = (headDim + 15) & ~15, page = ring ?? 256;
        KeyValueCache cache = new(heads, headDim, ring, bfloat16);
        Assert.Equal(padded, cache.PaddedHeadDim);
        float[] scratch = new float[64 * padded];
        for (int p = 0; p < length; p++)
        {
            cache.Reserve(p + 1);
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
                        Assert.Equal(Math.Min(Math.Min(64, length - p), page - p % page), count);
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
    public void Pages_are_added_as_positions_come_and_a_ring_stays()
    {
        KeyValueCache pages = new(2, 10, null, false), ring = new(2, 10, 40, false), half = new(2, 10, 40, true);
        Assert.Equal(0, pages.Bytes);
        foreach ((int end, int count) in new[] { (1, 1), (256, 1), (257, 2), (256, 2), (1000, 4) })
        {
            pages.Reserve(end);
            ring.Reserve(end);
            half.Reserve(end);
            Assert.Equal(count * 2 * 2 * 256 * 16 * 4L, pages.Bytes);
            Assert.Equal(2 * 2 * 40 * 16 * 4L, ring.Bytes);
            Assert.Equal(2 * 2 * 40 * 16 * 2L, half.Bytes);
        }
        Assert.Equal(960, ring.FirstHeld);
        Assert.Equal(0, pages.FirstHeld);
        ring.Clear();
        Assert.Equal(0, ring.FirstHeld);
        Assert.Equal(2 * 2 * 40 * 16 * 4L, ring.Bytes);
    }

    [Fact]
    public void Rows_of_another_width_are_refused()
    {
        KeyValueCache cache = new(2, 10, null, false);
        cache.Reserve(1);
        Assert.Throws<ArgumentOutOfRangeException>(() => cache.Write(0, new float[19], new float[20]));
        Assert.Throws<ArgumentOutOfRangeException>(() => cache.Write(0, new float[20], new float[21]));
    }
}
