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

    // Random numbers have neither.
    [Theory, MemberData(nameof(EveryWidth.Alone), MemberType = typeof(EveryWidth))]
    public void Ties_go_to_even_codes_and_a_block_is_zero_only_below_its_limit(RegisterWidth width)
    {
        float least = MathF.ScaleB(1, -100);
        float[][] x =
        [
            [.. Enumerable.Range(0, 32).Select(i => i == 0 ? 127 : i + 0.5f)],
            [.. Enumerable.Range(0, 32).Select(i => least * (32 - i) / 32)],
            [.. Enumerable.Range(0, 32).Select(i => MathF.BitDecrement(least) * (32 - i) / 32)],
        ];
        byte[] codes = [.. Enumerable.Repeat((byte)0x37, 16)], scales = [127];
        (float, int[])[] blocks = [(0.5f, [.. codes.SelectMany(pair => new[] { Twice(pair & 15), Twice(pair >> 4) })])];
        RequireProduct(width, x, new Mxfp4Experts(codes, scales, 1, 1, 32), blocks, []);
    }

    [Theory, MemberData(nameof(EveryWidth.Alone), MemberType = typeof(EveryWidth))]
    public void A_scale_of_MXFP4_may_be_any_power_of_two_and_the_least_counts_as_zero(RegisterWidth width)
    {
        const int rows = 255;
        Numbers numbers = new(17);
        byte[] codes = numbers.Bytes(rows * 16), scales = [.. Enumerable.Range(0, rows).Select(s => (byte)s)];
        (float, int[])[] blocks = [.. scales.Select((scale, i) => (scale == 0 ? 0 : MathF.ScaleB(1, scale - 127) / 2,
            codes.AsSpan(16 * i, 16).ToArray().SelectMany(pair => new[] { Twice(pair & 15), Twice(pair >> 4) }).ToArray()))];
        foreach (int tokens in new[] { 1, 3 })
            RequireProduct(width, numbers, new Mxfp4Experts(codes, scales, 1, rows, 32), blocks, tokens);
    }

    [Theory, MemberData(nameof(EveryWidth.Alone), MemberType = typeof(EveryWidth))]
    public void A_scale_of_Q8_0_may_be_any_finite_float16(RegisterWidth width)
    {
        Numbers numbers = new(19);
        ushort[] halves = [0x0000, 0x8000, 0x0001, 0x8001, 0x03FF, 0x0400, 0x3C00, 0x4000, 0xC000, 0x7BFF, 0xFBFF,
            .. Enumerable.Range(0, 256).Select(i => (ushort)(257 * i)).Where(bits => (bits & 0x7C00) != 0x7C00)];
        byte[] stored = [.. halves.SelectMany(half => (byte[])[(byte)half, (byte)(half >> 8), .. numbers.Bytes(32)])];
        (float, int[])[] blocks = [.. stored.Chunk(34).Select(block =>
            ((float)BitConverter.ToHalf(block), block[2..].Select(b => (int)(sbyte)b).ToArray()))];
        foreach (int tokens in new[] { 1, 9 })
            RequireProduct(width, numbers, Q8Matrix.Of(new(stored, halves.Length, 32, 1), TestWorkers.Of(2))!, blocks, tokens);
    }

    // The last step of a short row is read as a whole one: what comes after it is another expert's, which may be anything until a token chooses it.
    [Theory, MemberData(nameof(EveryWidth.Alone), MemberType = typeof(EveryWidth))]
    public void What_lies_behind_a_row_does_not_count(RegisterWidth width)
    {
        const int rows = 20, columns = 96;
        Numbers numbers = new(23);
        byte[] codes = numbers.Bytes(2 * rows * columns / 2), scales = numbers.Scales(2 * rows * columns / 32);
        scales.AsSpan(scales.Length / 2).Fill(Mxfp4.NaNScale);
        ExpertGroups groups = new();
        groups.Group([0], 2);
        Poisoned x = new(numbers.Rows(1, columns)), y = new(1, rows), alone = new(1, rows);
        ProductKernels kernels = EveryWidth.Kernels(width, Precision.Fast).Products;
        kernels.Linear(x.Rows, new Mxfp4Experts(codes.AsMemory(0, codes.Length / 2), scales.AsMemory(0, scales.Length / 2), 1, rows, columns),
            default, alone.Rows);
        foreach (Weights w in new Weights[]
        {
            new Mxfp4Experts(codes, scales, 2, rows, columns),
            new Mxfp4Blocks(Gguf(codes, scales, arePairs: false), rows, columns, 2, arePairs: false),
        })
        {
            kernels.ExpertLinear(x.Rows, 1, w, new ushort[2 * rows], groups, false, y.Rows);
            for (int row = 0; row < rows; row++)
                Bits.Equal(alone.Rows[0][row], y.Rows[0][row], $"row {row} of {w.GetType().Name}, {width}");
        }
    }

    [Fact]
    public unsafe void A_row_is_read_as_whole_steps_only_where_the_matrix_goes_on_behind_it()
    {
        const int rows = 40;
        for (int columns = 32; columns <= 1024; columns += 32)
        {
            Mxfp4IntegerRows<PublishedMxfp4> weights = new(null, null, rows, columns);
            int perRow = columns / 32, read = (perRow + 15) / 16 * 16;
            for (int row = 0; row < rows; row++)
                Assert.True(!weights.MayReadBehind(row) || row * perRow + read <= rows * perRow, $"row {row} of {columns} columns");
            Assert.True(weights.MayReadBehind(0));
        }
    }

    [Fact]
    public void Rounding_to_Q8_0_takes_ties_to_even_and_stops_at_127()
    {
        // 128 and more come of a scale that float16 holds to few bits: 190 · 2^−24 / 127 is rounded to 2^−24.
        float[] weights = new float[544];
        (weights[0], weights[1], weights[2], weights[3], weights[4]) = (127, 0.5f, 1.5f, -2.5f, -3.5f);
        (weights[512], weights[513], weights[514]) = (MathF.ScaleB(190, -24), MathF.ScaleB(-190, -24), MathF.ScaleB(-1, -24));
        float[] expected = [.. weights], decoded = new float[544];
        (expected[1], expected[2], expected[3], expected[4]) = (0, 2, -2, -4);
        (expected[512], expected[513]) = (MathF.ScaleB(127, -24), MathF.ScaleB(-127, -24));
        Q8Matrix.Round(new(weights.Select(Bfloat16.FromSingle).ToArray(), 1, 544), TestWorkers.Of(1))!.Decode(0, decoded);
        Assert.Equal(expected, decoded);
        foreach (float beyond in new[] { float.NaN, float.NegativeInfinity })
        {
            weights[40] = beyond;
            Assert.Null(Q8Matrix.Round(new(weights.Select(Bfloat16.FromSingle).ToArray(), 1, 544), TestWorkers.Of(1)));
        }
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

    private static void RequireProduct(RegisterWidth width, Numbers numbers, Weights w, (float Scale, int[] Values)[] blocks, int tokens) =>
        RequireProduct(width, numbers.Rows(tokens, w.Columns), w, blocks, tokens % 2 == 0 ? [] : numbers.Bf16(w.Rows));

    private static void RequireProduct(RegisterWidth width, float[][] x, Weights w, (float Scale, int[] Values)[] blocks, ushort[] bias)
    {
        int tokens = x.Length;
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
            if (largest < MathF.ScaleB(1, -100))
                continue;
            int sum = 0;
            for (int i = 0; i < 32; i++)
                sum += blocks[b].Values[i] * (int)MathF.Round(block[i] * inverse, MidpointRounding.ToEven);
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
