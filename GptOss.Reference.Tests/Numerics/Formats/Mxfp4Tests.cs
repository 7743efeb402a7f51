using GptOss.Reference.Numerics.Formats;
using Xunit;

namespace GptOss.Reference.Tests.Numerics.Formats;

[Trait("Category", "Numeric")]
public class Mxfp4Tests
{
    [Fact]
    public void Every_code_at_every_scale_is_exact()
    {
        byte[] block = new byte[16];
        for (int scale = 0; scale < 255; scale++)
        {
            for (int code = 0; code < 16; code++)
            {
                block[3] = (byte)(code | (15 - code) << 4);
                double low = Fp4.Of(code) * Math.ScaleB(1, scale - 127), high = Fp4.Of(15 - code) * Math.ScaleB(1, scale - 127);
                Bits.Equal((float)low, Mxfp4.Decode(block, (byte)scale, 6), $"code {code}, scale {scale}");
                Bits.Equal((float)high, Mxfp4.Decode(block, (byte)scale, 7), $"code {15 - code}, scale {scale}");

                // Nothing is lost up to scale 252, and above it only to infinity: 6·2^126 and 4·2^126 are beyond float32, and so on.
                bool overflows = Math.Abs(low) >= Math.ScaleB(1, 128);
                Assert.Equal(overflows, float.IsInfinity(Mxfp4.Decode(block, (byte)scale, 6)));
                Assert.True(overflows ? scale >= 253 : low == Mxfp4.Decode(block, (byte)scale, 6));
            }
        }
        Assert.True(float.IsNaN(Mxfp4.Scale(Mxfp4.NaNScale)));
    }

    [Fact]
    public void The_published_block_decodes_to_its_published_values()
    {
        byte[] block = [0x10, 0x32, 0x54, 0x76, 0x98, 0xBA, 0xDC, 0xFE, 0x77, 0x77, 0x77, 0x77, 0x77, 0x77, 0x77, 0x77];
        float[] expected = [0, 0.5f, 1, 1.5f, 2, 3, 4, 6, -0f, -0.5f, -1, -1.5f, -2, -3, -4, -6, .. Enumerable.Repeat(6f, 16)];
        Bits.Equal(expected, [.. Enumerable.Range(0, 32).Select(i => Mxfp4.Decode(block, 127, i))], "published block");
    }

    [Fact]
    public void The_smallest_scale_is_subnormal_and_no_zero()
    {
        Assert.Equal(0x00400000u, BitConverter.SingleToUInt32Bits(Mxfp4.Scale(0)));
        Assert.Equal(0x00200000u, BitConverter.SingleToUInt32Bits(Mxfp4.Decode([.. Enumerable.Repeat((byte)0x11, 16)], 0, 0)));
        Assert.Equal(1f, Mxfp4.Scale(127));
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(16)]
    public void A_code_of_more_than_four_bits_is_refused(int code) => Assert.Throws<ArgumentOutOfRangeException>(() => Mxfp4.Value(code));

    [Fact]
    public void Views_check_their_lengths()
    {
        Assert.Equal("A [2, 3] matrix holds 6 values, not 5. (Parameter 'data')", Assert.Throws<ArgumentException>(() => new Bf16Matrix(new ushort[5], 2, 3)).Message);
        Assert.Equal("[1, 2, 48] is not a shape of MXFP4 experts: columns come in blocks of 32. (Parameter 'columns')",
            Assert.Throws<ArgumentException>(() => new Mxfp4Experts(new byte[48], new byte[3], 1, 2, 48)).Message);
        Assert.Equal("[2, 3, 64] MXFP4 weights take 192 bytes of blocks and 12 of scales, not 192 and 11. (Parameter 'blocks')",
            Assert.Throws<ArgumentException>(() => new Mxfp4Experts(new byte[192], new byte[11], 2, 3, 64)).Message);
    }
}
