using GptOss.Reference.Numerics;
using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Numerics.Formats;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Numerics.Products;
using GptOss.Reference.Tests.Numerics.Formats;
using Xunit;

namespace GptOss.Reference.Tests.Numerics.Products;

[Trait("Category", "Numeric")]
public class ProductTests
{
    // Tokens × rows × columns: one token and a few, ragged rows, ragged columns, more tokens and columns than any kernel takes at once.
    private static readonly (int Tokens, int Rows, int Columns)[] Shapes =
    [
        .. from tokens in Enumerable.Range(1, 17) select (tokens, 5, 40),
        .. from columns in new[] { 1, 15, 16, 17, 31, 32, 33 } from tokens in new[] { 1, 3 } select (tokens, 4, columns),
        .. from rows in new[] { 1, 2, 3, 4, 31, 32, 33, 67 } from tokens in new[] { 1, 4 } select (tokens, rows, 48),
        (1, 6, 2880), (2, 5, 2880), (7, 9, 737), (13, 6, 1491), (95, 3, 32), (97, 35, 70), (200, 6, 50),
    ];

    [Theory, MemberData(nameof(EveryWidth.AndPrecision), MemberType = typeof(EveryWidth))]
    public void A_linear_product_is_the_dot_product_of_the_contract_bit_for_bit(RegisterWidth width, Precision precision)
    {
        Kernels kernels = EveryWidth.Kernels(width, precision);
        int seed = 0;
        foreach ((int tokens, int rows, int columns) in Shapes)
        {
            Numbers numbers = new(seed++);
            float[][] x = numbers.Rows(tokens, columns, bfloat16: precision == Precision.Bfloat16);
            Bf16Matrix w = new(numbers.Bf16(rows * columns), rows, columns);
            ushort[] bias = seed % 3 == 0 ? [] : numbers.Bf16(rows);
            RequireLinear(kernels, x, w, bias, seed % 5);
        }
    }

    [Theory, MemberData(nameof(EveryWidth.AndPrecision), MemberType = typeof(EveryWidth))]
    public void A_linear_product_has_the_same_bits_on_special_values(RegisterWidth width, Precision precision)
    {
        Kernels kernels = EveryWidth.Kernels(width, precision);
        foreach (int tokens in new[] { 1, 5 })
        {
            foreach (int every in new[] { 3, 40, 200 })
            {
                Numbers numbers = new(every);
                float[][] x = numbers.WithSpecials(numbers.Rows(tokens, 50), every);
                RequireLinear(kernels, x, new(numbers.Bf16(14 * 50), 14, 50), numbers.Bf16(14), 3);
                RequireLinear(kernels, numbers.Rows(tokens, 50), new(numbers.AnyBf16(14 * 50), 14, 50), numbers.AnyBf16(14), 2);
                RequireLinear(kernels, numbers.Rows(tokens, 50, 1e-38f), new(numbers.Bf16(14 * 50, 1e-3f), 14, 50), [], 1);
            }
        }
    }

    [Theory, MemberData(nameof(EveryWidth.AndPrecision), MemberType = typeof(EveryWidth))]
    public void A_linear_product_does_not_depend_on_the_number_of_threads(RegisterWidth width, Precision precision)
    {
        foreach ((int tokens, int rows, int columns) in new[] { (1, 2, 48), (1, 37, 100), (3, 3, 64), (9, 70, 33), (100, 13, 48) })
        {
            Numbers numbers = new(tokens);
            float[][] x = numbers.Rows(tokens, columns, bfloat16: true);
            Bf16Matrix w = new(numbers.Bf16(rows * columns), rows, columns);
            ushort[] bias = numbers.Bf16(rows);
            foreach (int threads in TestWorkers.Counts)
                RequireLinear(EveryWidth.Kernels(width, precision, threads), x, w, bias, 0);
        }
    }

    [Theory, MemberData(nameof(EveryWidth.Alone), MemberType = typeof(EveryWidth))]
    public void A_linear_product_is_as_close_to_the_truth_as_its_sums_allow(RegisterWidth width)
    {
        Kernels kernels = EveryWidth.Kernels(width, Precision.Float32);
        foreach (int columns in new[] { 16, 33, 2880 })
        {
            Numbers numbers = new(columns);
            float[][] x = numbers.Rows(3, columns);
            ushort[] w = numbers.Bf16(7 * columns), bias = numbers.Bf16(7);
            float[] wide = Definition.Widen(w);
            Poisoned y = new(3, 7);
            kernels.Products.Linear(new Poisoned(x).Rows, new Bf16Matrix(w, 7, columns), bias, y.Rows);
            for (int t = 0; t < 3; t++)
            {
                for (int r = 0; r < 7; r++)
                {
                    // A lane rounds once for each of its ⌈n/16⌉ elements, the tree four times, the bias once; each rounding is at most
                    // u = 2^−24 of what Σ|w·x| + |bias| bounds. 1 % covers the second order.
                    double sum = Bfloat16.ToSingle(bias[r]), size = Math.Abs(sum);
                    for (int i = 0; i < columns; i++)
                    {
                        sum += (double)wide[r * columns + i] * x[t][i];
                        size += Math.Abs((double)wide[r * columns + i] * x[t][i]);
                    }
                    Bits.Within(sum, y.Rows[t][r], 1.01 * ((columns + 15) / 16 + 5) * Math.ScaleB(1, -24) * size, $"[{t}, {r}] of {columns} columns");
                }
            }
        }
    }

    [Theory, MemberData(nameof(EveryWidth.Alone), MemberType = typeof(EveryWidth))]
    public void Dot_is_defined_for_every_length(RegisterWidth width)
    {
        Kernels kernels = EveryWidth.Kernels(width, Precision.Float32);
        foreach (int length in EveryWidth.Lengths)
        {
            for (int offset = 0; offset < 4; offset++)
            {
                Numbers numbers = new(length + offset);
                float[] x = numbers.Floats(length);
                ushort[] w = [.. Enumerable.Repeat((ushort)0x7FC0, offset), .. numbers.Bf16(length), .. Enumerable.Repeat((ushort)0x7FC0, 40)];
                Poisoned around = new([x], offset: offset);
                float expected = Definition.Dot(x, Definition.Widen(w).AsSpan(offset, length));
                Bits.Equal(expected, kernels.Products.Dot(around.Rows[0], w.AsSpan(offset, length)), $"dot of {length} at offset {offset}");
                around.RequireUntouched();
            }
        }
    }

    [Theory, MemberData(nameof(EveryWidth.AndPrecision), MemberType = typeof(EveryWidth))]
    public void An_expert_product_is_the_dot_product_of_the_contract_for_any_routing(RegisterWidth width, Precision precision)
    {
        (int, int, int, int)[] shapes = [(6, 32, 1, 4), (10, 64, 7, 4), (34, 96, 23, 2), (3, 1504, 3, 1), (66, 32, 130, 1), (4, 2880, 2, 2),
            (8, 768, 5, 3)];
        foreach ((int rows, int columns, int tokens, int k) in shapes)
        {
            Numbers numbers = new(rows + columns);
            RequireExperts(EveryWidth.Kernels(width, precision), numbers, numbers.Rows(tokens, columns, bfloat16: true), numbers.Scales, 6, rows, k);
        }
    }

    [Theory, MemberData(nameof(EveryWidth.AndPrecision), MemberType = typeof(EveryWidth))]
    public void An_expert_product_has_the_same_bits_on_special_values_and_all_scales(RegisterWidth width, Precision precision)
    {
        byte[] AnyScale(Numbers numbers, int count) => [.. numbers.Bytes(count).Select(b => b == Mxfp4.NaNScale ? (byte)0 : b)];
        for (int seed = 0; seed < 4; seed++)
        {
            Numbers numbers = new(seed);
            float[][] x = numbers.WithSpecials(numbers.Rows(6, 64), 100);
            RequireExperts(EveryWidth.Kernels(width, precision), numbers, x, count => AnyScale(numbers, count), 5, 18, 2);
        }
    }

    [Theory, MemberData(nameof(EveryWidth.AndPrecision), MemberType = typeof(EveryWidth))]
    public void An_expert_product_does_not_depend_on_the_number_of_threads(RegisterWidth width, Precision precision)
    {
        foreach (int threads in TestWorkers.Counts)
        {
            Numbers numbers = new(17);
            RequireExperts(EveryWidth.Kernels(width, precision, threads), numbers, numbers.Rows(11, 64, bfloat16: true), numbers.Scales, 8, 22, 3);
        }
    }

    [Fact]
    public unsafe void Lane_order_takes_even_elements_before_odd_ones()
    {
        foreach (int columns in new[] { 32, 64, 2880 })
        {
            float[][] x = [.. Enumerable.Range(0, 3).Select(t => Enumerable.Range(0, columns).Select(i => (float)(t * 10000 + i)).ToArray())];
            Poisoned from = new(x, offset: 3), to = new(3, columns, offset: 2);
            Rows natural = from.Rows, pairs = to.Rows;
            fixed (float* source = &natural.First, target = &pairs.First)
                new LaneOrderJob(source, natural.Stride, target, pairs.Stride, 3, columns).Execute(0, 1);
            for (int t = 0; t < 3; t++)
            {
                for (int i = 0; i < columns; i++)
                    Assert.Equal(t * 10000 + i / 32 * 32 + i % 16 * 2 + i % 32 / 16, to.Rows[t][i]);
            }
            from.RequireUntouched();
            to.RequireUntouched();
        }
    }

    [Fact]
    public void An_expert_is_checked_when_it_is_first_chosen()
    {
        byte[] scales = new byte[3 * 4];
        scales[2 * 4 + 1] = Mxfp4.NaNScale;
        Mxfp4Experts experts =
            new(new byte[3 * 4 * 16], scales, 3, 4, 32) { Refusal = found => new InvalidOperationException($"{found.Found} at {found.Offset}") };
        Kernels kernels = EveryWidth.Kernels(RegisterWidth.Scalar, Precision.Float32);
        Choose(0, 1);
        Assert.Equal("the scale 255 at 9", Assert.Throws<InvalidOperationException>(() => Choose(1, 2)).Message);
        scales[2 * 4 + 1] = 0;
        Choose(1, 2);

        void Choose(params int[] chosen)
        {
            ExpertGroups groups = new();
            groups.Group(chosen, 3);
            kernels.Products.ExpertLinear(new(new float[64], 2, 32, 32), 1, experts, new ushort[12], groups, false, new(new float[8], 2, 4, 4));
        }
    }

    [Fact]
    public void Shapes_that_do_not_fit_are_refused()
    {
        Kernels kernels = EveryWidth.Kernels(RegisterWidth.Scalar, Precision.Float32);
        Bf16Matrix w = new(new ushort[32 * 8], 8, 32);
        Mxfp4Experts experts = new(new byte[2 * 8 * 16], new byte[2 * 8], 2, 8, 32);
        ExpertGroups groups = new();
        groups.Group([0, 1], 2);
        Assert.Throws<ArgumentException>(() => kernels.Products.Linear(New(2, 31), w, default, New(2, 8)));
        Assert.Throws<ArgumentException>(() => kernels.Products.Linear(New(2, 32), w, default, New(2, 7)));
        Assert.Throws<ArgumentException>(() => kernels.Products.Linear(New(2, 32), w, default, New(3, 8)));
        Assert.Throws<ArgumentException>(() => kernels.Products.Linear(New(2, 32), w, new ushort[7], New(2, 8)));
        Assert.Throws<ArgumentException>(() => kernels.Products.ExpertLinear(New(1, 32), 2, experts, new ushort[15], groups, false, New(2, 8)));
        Assert.Throws<ArgumentException>(() => kernels.Products.ExpertLinear(New(2, 32), 2, experts, new ushort[16], groups, false, New(2, 8)));
        Assert.Throws<ArgumentException>(() => kernels.RowWise.RmsNorm(New(1, 24), new float[24], 0, New(1, 24)));
        Assert.Throws<ArgumentException>(() => kernels.RowWise.Rotate(New(1, 24), New(1, 8), New(1, 8)));
        Assert.Throws<ArgumentException>(() => kernels.RowWise.SwiGlu(New(1, 64), 1, 1, New(1, 16)));
        Assert.Throws<ArgumentException>(() => kernels.RowWise.MixExperts(New(3, 16), new float[4], 2, New(2, 16)));
        Assert.Throws<ArgumentException>(() => kernels.RowWise.Add(New(1, 16), New(2, 16)));
        Assert.Throws<ArgumentOutOfRangeException>(() => kernels.RowWise.Route(New(1, 3), 4, new int[4], new float[4]));
        // no room for the padding
        Assert.Throws<ArgumentException>(() =>
            kernels.Products.Linear(new(new float[66], 2, 33, 33), new Bf16Matrix(new ushort[33], 1, 33), default, New(2, 1)));

        static Rows New(int count, int columns) => new(new float[count * columns], count, columns, columns);
    }

    private static void RequireLinear(Kernels kernels, float[][] x, Bf16Matrix w, ushort[] bias, int offset)
    {
        float[][] expected = Definition.Linear(x, w.Data.ToArray(), bias, w.Rows, kernels.Precision);
        Poisoned from = new(x, offset: offset), to = new(x.Length, w.Rows, offset: offset + 1);

        // The weights too have neighbours, and begin anywhere.
        ushort[] sea = [.. Enumerable.Repeat((ushort)0x7FC0, 16 + offset), .. w.Data.Span, .. Enumerable.Repeat((ushort)0x7FC0, 64)];
        ushort[] biasSea = bias.Length == 0 ? [] : [.. bias, .. Enumerable.Repeat((ushort)0x7FC0, 16)];
        Bf16Matrix inTheSea = new(sea.AsMemory(16 + offset, w.Data.Length), w.Rows, w.Columns);
        kernels.Products.Linear(from.Rows, inTheSea, new(biasSea.AsMemory(0, bias.Length)), to.Rows);
        string what = $"{x.Length} × [{w.Rows}, {w.Columns}] at {kernels.Width}, {kernels.Precision}";
        Bits.Equal(expected, to.Rows, what);
        Bits.Equal(x, from.Rows, "input of " + what);
        from.RequireUntouched(paddingMayBeCleared: true);
        to.RequireUntouched();

        // A bias that is stored as float32 is the same numbers.
        kernels.Products.Linear(from.Rows, inTheSea, new StoredVector((ReadOnlyMemory<float>)Definition.Widen(bias)), to.Rows);
        Bits.Equal(expected, to.Rows, what + " with a float32 bias");
    }

    /// <summary>Both expert products of one layer: the first reads a token's row for each of its experts, the second a row for each slot.</summary>
    private static void RequireExperts(Kernels kernels, Numbers numbers, float[][] x, Func<int, byte[]> makeScales, int experts, int rows, int k)
    {
        // Uneven on purpose: expert 0 is never chosen, 1 once, and the last experts by most tokens.
        int columns = x[0].Length, slots = x.Length * k;
        int[] routing = new int[slots];
        for (int t = 0; t < x.Length; t++)
        {
            for (int rank = 0; rank < k; rank++)
                routing[t * k + rank] = t == 0 ? 1 + rank : experts - 1 - (rank + (numbers.Below(4) == 0 ? 1 : 0)) % (experts - 2);
        }
        byte[] blocks = numbers.Bytes(experts * rows * columns / 2), scales = makeScales(experts * rows * columns / 32);
        ushort[] bias = numbers.Bf16(experts * rows);
        ExpertGroups groups = new();
        groups.Group(routing, experts);
        float[][] weights = [.. Enumerable.Range(0, experts).Select(e => Decode(blocks, scales, e * rows * columns, rows * columns))];
        byte[] blockSea = [.. new byte[3], .. blocks, .. new byte[64]];
        byte[] scaleSea = [.. Enumerable.Repeat(Mxfp4.NaNScale, 5), .. scales, .. Enumerable.Repeat(Mxfp4.NaNScale, 64)];
        Mxfp4Experts matrices = new(blockSea.AsMemory(3, blocks.Length), scaleSea.AsMemory(5, scales.Length), experts, rows, columns);

        foreach ((int share, bool deinterleave) in new[] { (k, rows % 2 == 0), (1, false) })
        {
            float[][] inputs = share == k ? x : [.. routing.Select((_, slot) => x[slot / k])];
            Poisoned from = new(inputs, offset: 3), to = new(slots, rows, offset: 2);
            kernels.Products.ExpertLinear(from.Rows, share, matrices, bias, groups, deinterleave, to.Rows);
            float[][] expected =
            [
                .. routing.Select((expert, slot) =>
                    Definition.ExpertLinear(inputs[slot / share], weights[expert], bias.AsSpan(expert * rows, rows), deinterleave,
                        kernels.Precision)),
            ];
            Bits.Equal(expected, to.Rows,
                $"{x.Length} tokens × {k} of {experts} × [{rows}, {columns}], share {share}, at {kernels.Width}, {kernels.Precision}");
            to.RequireUntouched();
            from.RequireUntouched();
        }
    }

    private static float[] Decode(byte[] blocks, byte[] scales, int first, int count)
    {
        float[] weights = new float[count];
        for (int i = 0; i < count; i++)
        {
            int at = first + i, code = at % 2 == 0 ? blocks[at / 2] & 15 : blocks[at / 2] >> 4;
            weights[i] = (float)(Fp4.Of(code) * Math.ScaleB(1, scales[at / 32] - 127));
        }
        return weights;
    }
}
