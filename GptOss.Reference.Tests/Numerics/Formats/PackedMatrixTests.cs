using GptOss.Reference.Numerics;
using GptOss.Reference.Numerics.Formats;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Numerics.Workers;
using Xunit;

namespace GptOss.Reference.Tests.Numerics.Formats;

[Trait("Category", "Numeric")]
public class PackedMatrixTests
{
    private static readonly (int Rows, int Columns)[] Shapes = [(64, 96), (8, 2880), (31, 736), (66, 1504), (67, 320)];

    [Fact]
    public void Every_weight_comes_back()
    {
        int seed = 0;
        foreach ((int rows, int columns) in Shapes)
        {
            Bf16Matrix matrix = Trained(new Numbers(seed++), rows, columns);
            PackedMatrix packed = Packed(matrix);
            for (int row = 0; row < rows; row++)
            {
                for (int column = 0; column < columns; column++)
                    Assert.Equal(matrix.Data.Span[row * columns + column], packed[row, column]);
            }
        }
    }

    [Fact]
    public void Normal_weights_take_twelve_bits_and_few_escapes()
    {
        Numbers numbers = new(7);
        Bf16Matrix matrix = new(numbers.Bf16(256 * 2880, 0.02f), 256, 2880);
        PackedMatrix packed = Packed(matrix);
        Assert.InRange(packed.Bytes, 0.75 * 2 * matrix.Data.Length, 0.78 * 2 * matrix.Data.Length);
        Assert.True(packed.EscapeBlocks.Length * 50 < matrix.Data.Length / PackedMatrix.BlockWeights);
    }

    [Theory, MemberData(nameof(EveryWidth.AndPrecision), MemberType = typeof(EveryWidth))]
    public void A_product_with_packed_weights_is_that_of_the_contract_bit_for_bit(RegisterWidth width, Precision precision)
    {
        Kernels kernels = EveryWidth.Kernels(width, precision);
        int seed = 0, escapes = 0;
        foreach ((int rows, int columns) in Shapes)
        {
            foreach (int tokens in new[] { 1, 2, 7, 13 })
            {
                Numbers numbers = new(seed++);
                Bf16Matrix matrix = Trained(numbers, rows, columns);
                PackedMatrix packed = Packed(matrix);
                escapes += packed.EscapeBlocks.Length;
                float[][] x = numbers.Rows(tokens, columns, bfloat16: precision == Precision.Bfloat16);
                ushort[] bias = numbers.Bf16(rows);
                Poisoned from = new(x), to = new(tokens, rows);

                kernels.Products.Linear(from.Rows, packed, bias, to.Rows);
                Bits.Equal(Definition.Linear(x, matrix.Data.ToArray(), bias, rows, precision), to.Rows,
                    $"{tokens} × [{rows}, {columns}] packed at {width}, {precision}");
                to.RequireUntouched();
            }
        }
        Assert.True(escapes > 0);
    }

    [Fact]
    public void What_packing_does_not_suit_stays_as_it_is()
    {
        Numbers numbers = new(3);
        using var pool = new WorkerPool(2);
        Assert.Null(PackedMatrix.Pack(new(numbers.Bf16(4 * 48), 4, 48), pool));           // half a block
        Assert.Null(PackedMatrix.Pack(new(numbers.AnyBf16(64 * 64), 64, 64), pool));      // every exponent there is
        Assert.Null(PackedMatrix.Pack(new(numbers.Bf16(1 * 64), 1, 64), pool));           // three rows of padding
    }

    [Fact]
    public void Packing_does_not_depend_on_the_number_of_threads()
    {
        Bf16Matrix matrix = Trained(new Numbers(5), 67, 320);
        PackedMatrix one = Packed(matrix);
        foreach (int threads in TestWorkers.Counts)
        {
            using var pool = new WorkerPool(threads);
            PackedMatrix other = PackedMatrix.Pack(matrix, pool)!;
            Assert.True(one.Blocks.Span.SequenceEqual(other.Blocks.Span));
            Assert.True(one.HighBytes.Span.SequenceEqual(other.HighBytes.Span));
            Assert.Equal(one.EscapeBlocks, other.EscapeBlocks);
            Assert.Equal(one.EscapeWeights, other.EscapeWeights);
        }
    }

    /// <summary>Normal weights, each row of another size, with zeros of both signs and now and then a value whose exponent is nowhere near.</summary>
    private static Bf16Matrix Trained(Numbers numbers, int rows, int columns)
    {
        ushort[] weights = numbers.Bf16(rows * columns, 0.05f);
        for (int i = 0; i < weights.Length; i++)
        {
            if (numbers.Below(300) == 0)
                weights[i] = (ushort)(numbers.Below(2) << 15);
        }
        ushort[] rare = [0x7F00, 0xFF01, 0x0001, 0x8123, 0x5A5A];
        for (int i = 0; i < weights.Length / PackedMatrix.BlockWeights / 100; i++)
            weights[numbers.Below(weights.Length)] = rare[numbers.Below(rare.Length)];
        return new(weights, rows, columns);
    }

    private static PackedMatrix Packed(Bf16Matrix matrix)
    {
        using var pool = new WorkerPool(1);
        return PackedMatrix.Pack(matrix, pool) ?? throw new InvalidOperationException("The matrix was not packed.");
    }
}
