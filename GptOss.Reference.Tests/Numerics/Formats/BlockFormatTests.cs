using GptOss.Reference.Checkpoints.Safetensors;
using GptOss.Reference.Checkpoints.Storage;
using GptOss.Reference.Numerics.Formats;
using GptOss.Reference.Numerics.Formats.Blocks;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Numerics.Products;
using Xunit;

namespace GptOss.Reference.Tests.Numerics.Formats;

/// <summary>Block formats against the values that ggml itself gives for the same bytes, and their products against rows of float32.</summary>
[Trait("Category", "Numeric")]
public class BlockFormatTests
{
    public static TheoryData<string> Formats { get; } =
        ["q4_0", "q4_1", "q5_0", "q5_1", "q8_0", "iq4_nl", "mxfp4", "ollama_mxfp4", "q2_k", "q3_k", "q4_k", "q5_k", "q6_k", "iq4_xs", "f16"];

    [Theory, MemberData(nameof(Formats))]
    public void Every_block_has_the_values_that_ggml_gives_it(string format)
    {
        (byte[] blocks, float[] values, int count) = Recorded(format);
        Weights weights = Create(format, blocks, 1, values.Length);
        float[] decoded = new float[values.Length];
        weights.Decode(0, decoded);
        for (int i = 0; i < values.Length; i++)
        {
            // ggml gives MXFP4's code 8 as +0, the format as −0.
            if (values[i] != 0 || decoded[i] != 0 || !format.EndsWith("mxfp4", StringComparison.Ordinal))
                Bits.Equal(values[i], decoded[i], $"{format}, block {i / (values.Length / count)}, element {i % (values.Length / count)}");
        }
    }

    [Theory, MemberData(nameof(EveryWidth.AndPrecision), MemberType = typeof(EveryWidth))]
    public void A_product_is_that_of_the_same_row_in_float32_bit_for_bit(RegisterWidth width, Precision precision)
    {
        ProductKernels kernels = EveryWidth.Kernels(width, precision).Products;
        foreach (string format in Formats.Select(row => row.Data).Where(name => !name.EndsWith("mxfp4", StringComparison.Ordinal)))
        {
            // Rows of 768 end panels inside a block of 256; seven rows are a quad and three.
            (byte[] blocks, _, int count) = Recorded(format);
            int columns = format == "f16" ? 768 : 3 * ColumnsOf(format), rows = 7, size = blocks.Length / count, perRow = columns / ColumnsOf(format);
            byte[] some = [.. Enumerable.Range(0, rows * perRow).SelectMany(i => Finite(format, blocks.AsSpan((i * 7 + 3) % count * size, size)))];
            Weights weights = Create(format, some, rows, columns);
            float[] wide = new float[rows * columns];
            for (int row = 0; row < rows; row++)
                weights.Decode(row, wide.AsSpan(row * columns, columns));
            Weights plain = new PlainMatrix<F32Element>(System.Runtime.InteropServices.MemoryMarshal.AsBytes<float>(wide).ToArray(),
                rows, columns, 1);
            foreach (int tokens in format == "q8_0" ? Enumerable.Range(1, 14) : [1, 2, 5, 13])
            {
                float[][] x = new Numbers(tokens).Rows(tokens, columns, bfloat16: precision == Precision.Bfloat16);
                Poisoned from = new(x), expected = new(tokens, rows), to = new(tokens, rows);
                kernels.Linear(from.Rows, plain, default, expected.Rows);
                kernels.Linear(from.Rows, weights, default, to.Rows);
                for (int t = 0; t < tokens; t++)
                {
                    Bits.Equal(expected.Rows[t], to.Rows[t], $"{format}, {tokens} tokens at {width}, {precision}");
                    if (tokens == 1 && precision == Precision.Float32)
                    {
                        Bits.Equal([.. Enumerable.Range(0, rows).Select(row => Definition.Dot(x[t], wide.AsSpan(row * columns, columns)))],
                            to.Rows[t], $"{format} by definition");
                    }
                }
                to.RequireUntouched();
            }
        }
    }

    [Theory, MemberData(nameof(EveryWidth.AndPrecision), MemberType = typeof(EveryWidth))]
    public void MXFP4_has_the_same_sums_in_every_container(RegisterWidth width, Precision precision)
    {
        ProductKernels kernels = EveryWidth.Kernels(width, precision).Products;
        foreach ((int experts, int rows, int columns, int tokens) in new[] { (3, 6, 64, 1), (2, 9, 1504, 4), (4, 5, 96, 13) })
        {
            Numbers numbers = new(rows);
            byte[] blocks = numbers.Bytes(experts * rows * columns / 2), scales = numbers.Scales(experts * rows * columns / 32);
            ushort[] bias = numbers.Bf16(experts * rows);
            ExpertGroups groups = new();
            groups.Group([.. Enumerable.Range(0, 2 * tokens).Select(slot => slot % 2 == 0 ? 0 : experts - 1)], experts);
            float[][] x = numbers.Rows(tokens, columns, bfloat16: true);
            Poisoned from = new(x), published = new(2 * tokens, rows), split = new(2 * tokens, rows), paired = new(2 * tokens, rows);
            kernels.ExpertLinear(from.Rows, 2, new Mxfp4Experts(blocks, scales, experts, rows, columns), bias, groups, false, published.Rows);
            byte[] splits = Mxfp4Containers.WithScales(blocks, scales, Mxfp4Containers.Split),
                pairs = Mxfp4Containers.WithScales(blocks, scales, block => block);
            kernels.ExpertLinear(from.Rows, 2, new Mxfp4Blocks(splits, rows, columns, experts, arePairs: false), bias, groups, false, split.Rows);
            kernels.ExpertLinear(from.Rows, 2, new Mxfp4Blocks(pairs, rows, columns, experts, arePairs: true), bias, groups, false, paired.Rows);
            for (int slot = 0; slot < 2 * tokens; slot++)
            {
                Bits.Equal(published.Rows[slot], split.Rows[slot], $"split nibbles, slot {slot} at {width}");
                Bits.Equal(published.Rows[slot], paired.Rows[slot], $"paired nibbles, slot {slot} at {width}");
            }
        }
    }

    [Fact]
    public unsafe void Every_float16_is_widened_exactly()
    {
        ushort[] bits = [.. Enumerable.Range(0, 65536).Select(u => (ushort)u)];
        float* four = stackalloc float[4];
        fixed (ushort* p = bits)
        {
            for (int i = 0; i < bits.Length; i += 4)
            {
                System.Runtime.Intrinsics.Vector128.Store(Float16.Widen4((byte*)(p + i)), four);
                for (int j = 0; j < 4; j++)
                {
                    float expected = (float)BitConverter.UInt16BitsToHalf(bits[i + j]);
                    Bits.Equal(expected, four[j], $"float16 {bits[i + j]:X4}");
                    Bits.Equal(expected, Float16.Values[bits[i + j]], $"float16 {bits[i + j]:X4} of the table");
                }
            }
        }
    }

    [Fact]
    public void A_scale_that_is_not_finite_is_found()
    {
        byte[] blocks = new byte[2 * 3 * 34];
        Weights weights = new BlockMatrix<Q8_0>(blocks, 3, 32, 2);
        Assert.Null(weights.FindNotANumber(1));
        blocks[4 * 34 + 1] = 0x7C;
        Assert.Null(weights.FindNotANumber(0));
        Assert.Equal(new NotANumber(4 * 34, "the scale Infinity", "scales of Q8_0 are finite numbers"), weights.FindNotANumber(1));
        Assert.Throws<ArgumentException>(() => new BlockMatrix<Q8_0>(blocks, 3, 48, 2));
        Assert.Throws<ArgumentException>(() => new Mxfp4Blocks(new byte[17], 1, 64, 1, false));
        Assert.Throws<ArgumentException>(() => new PlainMatrix<F16Element>(new byte[3], 1, 2, 1));
    }

    private static int ColumnsOf(string format) =>
        format == "f16" ? 1 : format.EndsWith("_k", StringComparison.Ordinal) || format == "iq4_xs" ? 256 : 32;

    private static Weights Create(string format, byte[] blocks, int rows, int columns) => format switch
    {
        "q4_0" => new BlockMatrix<Q4_0>(blocks, rows, columns, 1),
        "q4_1" => new BlockMatrix<Q4_1>(blocks, rows, columns, 1),
        "q5_0" => new BlockMatrix<Q5_0>(blocks, rows, columns, 1),
        "q5_1" => new BlockMatrix<Q5_1>(blocks, rows, columns, 1),
        "q8_0" => new BlockMatrix<Q8_0>(blocks, rows, columns, 1),
        "iq4_nl" => new BlockMatrix<Iq4Nl>(blocks, rows, columns, 1),
        "iq4_xs" => new BlockMatrix<Iq4Xs>(blocks, rows, columns, 1),
        "q2_k" => new BlockMatrix<Q2K>(blocks, rows, columns, 1),
        "q3_k" => new BlockMatrix<Q3K>(blocks, rows, columns, 1),
        "q4_k" => new BlockMatrix<Q4K>(blocks, rows, columns, 1),
        "q5_k" => new BlockMatrix<Q5K>(blocks, rows, columns, 1),
        "q6_k" => new BlockMatrix<Q6K>(blocks, rows, columns, 1),
        "f16" => new PlainMatrix<F16Element>(blocks, rows, columns, 1),
        _ => new Mxfp4Blocks(blocks, rows, columns, 1, arePairs: format == "ollama_mxfp4"),
    };

    private static (byte[] Blocks, float[] Values, int Count) Recorded(string format)
    {
        using var file = SafeTensorsFile.Open(Path.Combine(TestData.Root, "gguf", "blocks", format + ".safetensors"));
        Assert.True(file.TryGet("blocks", out TensorInfo blocks));
        return (file.Bytes("blocks").ToArray(), file.Floats("values").ToArray(), (int)blocks.Shape[0]);
    }

    /// <summary>Infinities and NaNs of float16 would make every sum NaN.</summary>
    private static byte[] Finite(string format, ReadOnlySpan<byte> block) =>
        format == "f16" && (block[1] & 0x7C) == 0x7C ? [block[0], (byte)(block[1] & 0x83)] : block.ToArray();
}
