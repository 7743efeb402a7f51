using GptOss.Reference.Numerics.Formats;
using GptOss.Reference.Numerics.Formats.Blocks;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Numerics.Products;
using Xunit;

namespace GptOss.Reference.Tests.Numerics.Integers;

/// <summary>Products of the fast profile against its contract in plain loops.</summary>
[Trait("Category", "Numeric")]
public class IntegerProductTests
{
    // Tokens × rows × columns: less than a step, a whole one, one and a bit; ragged rows; tiles of four tokens and what is left.
    private static readonly (int Tokens, int Rows, int Columns)[] Shapes =
    [
        .. from tokens in Enumerable.Range(1, 9) select (tokens, 6, 544),
        .. from columns in new[] { 32, 64, 96, 480, 512, 544, 1024, 2880 } from tokens in new[] { 1, 3 } select (tokens, 5, columns),
        .. from rows in new[] { 1, 2, 3, 4, 15, 16, 17, 35 } from tokens in new[] { 1, 4, 5 } select (tokens, rows, 96),
    ];

    [Theory, MemberData(nameof(EveryWidth.Alone), MemberType = typeof(EveryWidth))]
    public void A_product_of_MXFP4_is_that_of_the_contract_in_every_container(RegisterWidth width)
    {
        foreach ((int tokens, int rows, int columns) in Shapes)
        {
            Numbers numbers = new(rows + columns);
            byte[] codes = numbers.Bytes(rows * columns / 2), scales = numbers.Scales(rows * columns / 32);
            Mxfp4Experts published = new(codes, scales, 1, rows, columns);
            (float Scale, int[] Values)[] blocks = [.. scales.Select((scale, i) => (scale == 0 ? 0 : MathF.ScaleB(1, scale - 127) / 2,
                codes.AsSpan(16 * i, 16).ToArray().SelectMany(pair => new[] { Twice(pair & 15), Twice(pair >> 4) }).ToArray()))];
            RequireProduct(width, numbers, published, blocks, tokens);
            RequireProduct(width, numbers, new Mxfp4Blocks(Gguf(codes, scales, arePairs: true), rows, columns, 1, arePairs: true), blocks, tokens);
            RequireProduct(width, numbers, new Mxfp4Blocks(Gguf(codes, scales, arePairs: false), rows, columns, 1, arePairs: false), blocks, tokens);
        }
    }

    [Theory, MemberData(nameof(EveryWidth.Alone), MemberType = typeof(EveryWidth))]
    public void A_product_of_Q8_0_is_that_of_the_contract(RegisterWidth width)
    {
        foreach ((int tokens, int rows, int columns) in Shapes)
        {
            Numbers numbers = new(rows + columns);
            byte[] stored = numbers.Bytes(rows * columns / 32 * 34);
            for (int i = 0; i < stored.Length; i += 34)
            {
                stored[i + 1] &= 0xBB;                                 // no infinity and no NaN
                if (i % 5 == 0)
                    stored.AsSpan(i + 2, 32).Fill(0x80);                // the largest sums there are
            }
            (float, int[])[] blocks = [.. stored.Chunk(34).Select(block =>
                ((float)BitConverter.ToHalf(block), block[2..].Select(b => (int)(sbyte)b).ToArray()))];
            RequireProduct(width, numbers, Q8Matrix.Of(new(stored, rows, columns, 1), TestWorkers.Of(1))!, blocks, tokens);
        }
    }

    [Theory, MemberData(nameof(EveryWidth.Alone), MemberType = typeof(EveryWidth))]
    public void Activations_of_any_size_are_rounded_by_the_contract(RegisterWidth width)
    {
        Numbers numbers = new(3);
        byte[] codes = numbers.Bytes(4 * 64 / 2), scales = [.. Enumerable.Repeat((byte)127, 8)];
        ProductKernels kernels = EveryWidth.Kernels(width, Precision.Fast).Products;
        float[][] x = [.. new[] { 0, 1e-38f, 1e-31f, 7e-31f, 8e-31f, 1, 1e30f, float.PositiveInfinity, float.NaN }.Select(size =>
            numbers.Floats(64).Select((value, i) => i == 40 ? size : i < 32 ? value : value * Math.Min(size, 1)).ToArray())];
        Poisoned y = new(x.Length, 4);
        kernels.Linear(new Poisoned(x).Rows, new Mxfp4Experts(codes, scales, 1, 4, 64), default, y.Rows);
        for (int t = 0; t < x.Length; t++)
        {
            Assert.Equal(t >= 7, float.IsNaN(y.Rows[t][0]));
            Assert.True(t >= 7 || float.IsFinite(y.Rows[t][0]));
        }
    }

    [Theory, MemberData(nameof(EveryWidth.Alone), MemberType = typeof(EveryWidth))]
    public void Experts_have_the_sums_of_their_matrices_alone_for_any_number_of_threads(RegisterWidth width)
    {
        const int experts = 5, rows = 10, columns = 608, tokens = 7;
        Numbers numbers = new(11);
        byte[] codes = numbers.Bytes(experts * rows * columns / 2), scales = numbers.Scales(experts * rows * columns / 32);
        ushort[] bias = numbers.Bf16(experts * rows);
        float[][] x = numbers.Rows(tokens, columns);
        int[] chosen = [.. Enumerable.Range(0, 2 * tokens).Select(slot => slot * 3 % experts)];
        ExpertGroups groups = new();
        groups.Group(chosen, experts);
        foreach (int threads in TestWorkers.Counts)
        {
            ProductKernels kernels = EveryWidth.Kernels(width, Precision.Fast, threads).Products;
            Poisoned together = new(2 * tokens, rows), alone = new(1, rows);
            kernels.ExpertLinear(new Poisoned(x).Rows, 2, new Mxfp4Experts(codes, scales, experts, rows, columns), bias, groups, true, together.Rows);
            for (int slot = 0; slot < chosen.Length; slot++)
            {
                int e = chosen[slot];
                Mxfp4Experts one = new(codes.AsMemory(e * rows * columns / 2, rows * columns / 2), scales.AsMemory(e * rows * columns / 32,
                    rows * columns / 32), 1, rows, columns);
                kernels.Linear(new Poisoned([x[slot / 2]]).Rows, one, bias[(e * rows)..((e + 1) * rows)], alone.Rows);
                for (int row = 0; row < rows; row++)
                    Bits.Equal(alone.Rows[0][row], together.Rows[slot][row / 2 + row % 2 * (rows / 2)], $"slot {slot}, row {row}, {threads} threads");
            }
            together.RequireUntouched();
        }
    }

    [Fact]
    public void A_matrix_in_Q8_0_is_within_half_a_step_of_its_weights()
    {
        Numbers numbers = new(5);
        ushort[] bits = numbers.Bf16(6 * 96);
        bits.AsSpan(0, 32).Clear();
        Bf16Matrix matrix = new(bits, 6, 96);
        Q8Matrix rounded = Q8Matrix.Round(matrix, TestWorkers.Of(3))!;
        float[] before = new float[96], after = new float[96];
        for (int row = 0; row < 6; row++)
        {
            matrix.Decode(row, before);
            rounded.Decode(row, after);
            for (int i = 0; i < 96; i++)
            {
                float largest = before.AsSpan(i / 32 * 32, 32).ToArray().Max(MathF.Abs);
                Assert.InRange(Math.Abs(before[i] - after[i]), 0, largest / 127 * 0.5005f + largest / 2048);      // and the scale's own rounding
            }
        }
    }

    [Fact]
    public void A_matrix_that_a_float16_scale_cannot_reach_keeps_its_format()
    {
        ushort[] huge = [.. Enumerable.Repeat(Bfloat16.FromSingle(1e30f), 32)];
        Assert.Null(Q8Matrix.Round(new(huge, 1, 32), TestWorkers.Of(1)));
        Assert.Null(Q8Matrix.Round(new(new ushort[40], 1, 40), TestWorkers.Of(1)));
    }

    private static int Twice(int code)
    {
        int magnitude = new[] { 0, 1, 2, 3, 4, 6, 8, 12 }[code & 7];
        return code < 8 ? magnitude : -magnitude;
    }

    private static byte[] Gguf(byte[] codes, byte[] scales, bool arePairs)
    {
        var blocks = new List<byte>();
        for (int b = 0; b < scales.Length; b++)
        {
            byte[] pairs = codes[(16 * b)..(16 * b + 16)];
            int[] elements = [.. pairs.SelectMany(pair => new[] { pair & 15, pair >> 4 })];
            blocks.Add(scales[b]);
            blocks.AddRange(arePairs ? pairs : Enumerable.Range(0, 16).Select(i => (byte)(elements[i] | elements[i + 16] << 4)));
        }
        return [.. blocks];
    }

    private static void RequireProduct(RegisterWidth width, Numbers numbers, Weights w, (float Scale, int[] Values)[] blocks, int tokens)
    {
        float[][] x = numbers.Rows(tokens, w.Columns);
        ushort[] bias = tokens % 2 == 0 ? [] : numbers.Bf16(w.Rows);
        Poisoned y = new(tokens, w.Rows);
        EveryWidth.Kernels(width, Precision.Fast).Products.Linear(new Poisoned(x).Rows, w, bias, y.Rows);
        int perRow = w.Columns / 32;
        for (int t = 0; t < tokens; t++)
        {
            for (int row = 0; row < w.Rows; row++)
            {
                float dot = Dot(x[t], blocks.AsSpan(row * perRow, perRow));
                Bits.Equal(bias.Length == 0 ? dot : dot + Bfloat16.ToSingle(bias[row]), y.Rows[t][row],
                    $"{w.Format}, token {t} of {tokens}, row {row}, {w.Columns} columns, {width}");
            }
        }
        y.RequireUntouched();
    }

    // docs/fast-profile.md, line by line.
    private static float Dot(float[] x, ReadOnlySpan<(float Scale, int[] Values)> blocks)
    {
        float[] lanes = new float[16];
        for (int b = 0; b < blocks.Length; b++)
        {
            float[] block = x[(32 * b)..(32 * b + 32)];
            float largest = block.Max(MathF.Abs), d = largest / 127, inverse = 127 / largest;
            int sum = 0;
            for (int i = 0; i < 32; i++)
                sum += blocks[b].Values[i] * (largest == 0 ? 0 : (int)MathF.Round(block[i] * inverse, MidpointRounding.ToEven));
            int lane = 4 * (b % 4) + b / 4 % 4;
            lanes[lane] = MathF.FusedMultiplyAdd(sum, blocks[b].Scale * d, lanes[lane]);
        }
        for (int half = 8; half > 0; half /= 2)
        {
            for (int i = 0; i < half; i++)
                lanes[i] += lanes[i + half];
        }
        return lanes[0];
    }
}
