using System.Runtime.InteropServices;
using FsCheck;
using FsCheck.Fluent;
using GptOss.Reference.Numerics;
using GptOss.Reference.Numerics.Formats;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Numerics.Products;
using GptOss.Reference.Numerics.Tiles;
using GptOss.Reference.Tests.Numerics.Formats;
using Xunit;

namespace GptOss.Reference.Tests.Numerics.Products;

/// <summary>Products of several activation rows with weights that tiles read as they are stored.</summary>
[Trait("Category", "Numeric")]
public class StoredRowsTests
{
    // Every count of activation rows around one and two tiles of every width, a block of rows and its rest, whole steps and a ragged one.
    private static readonly (int Tokens, int Rows, int Columns)[] Shapes =
    [
        .. from tokens in Enumerable.Range(1, 14) from rows in new[] { 4, 7, 8 } select (tokens, rows, 96),
        .. from tokens in Enumerable.Range(1, 13) select (tokens, 4, 32),
        (2, 4, 2880), (5, 12, 2880), (25, 33, 64), (30, 64, 64), (97, 36, 32), (13, 36, 48), (6, 8, 80), (6, 8, 81),
    ];

    [Theory, MemberData(nameof(EveryWidth.AndPrecision), MemberType = typeof(EveryWidth))]
    public void Rows_of_plain_numbers_meet_any_number_of_activation_rows(RegisterWidth width, Precision precision)
    {
        Kernels kernels = EveryWidth.Kernels(width, precision);
        int seed = 0;
        foreach ((int tokens, int rows, int columns) in Shapes)
        {
            RequireBfloat16(kernels, new(seed++), tokens, rows, columns);
            RequireFloat32(kernels, new(seed++), tokens, rows, columns);
        }
    }

    [Theory, MemberData(nameof(EveryWidth.AndPrecision), MemberType = typeof(EveryWidth))]
    public void Rows_of_MXFP4_meet_any_number_of_activation_rows(RegisterWidth width, Precision precision)
    {
        Kernels kernels = EveryWidth.Kernels(width, precision);
        int seed = 0;
        foreach ((int tokens, int rows, int columns) in Shapes.Where(shape => shape.Columns % 32 == 0))
            RequireMxfp4(kernels, new(seed++), tokens, rows, columns);
    }

    [Theory, MemberData(nameof(EveryWidth.Alone), MemberType = typeof(EveryWidth))]
    public void Random_shapes_on_any_number_of_threads_have_the_bits_of_the_contract(RegisterWidth width)
    {
        EveryWidth.Require(width);
        Gen<int> small = Gen.Choose(1, 15);
        Prop.ForAll(Gen.Choose(1, 40).ToArbitrary(), Gen.Three(small).ToArbitrary(), Gen.Choose(0, int.MaxValue).ToArbitrary(),
            (tokens, threadsRowsBlocks, seed) =>
            {
                (int threads, int rows, int blocks) = threadsRowsBlocks;
                Kernels kernels = EveryWidth.Kernels(width, seed % 2 == 0 ? Precision.Float32 : Precision.Bfloat16, 1 + threads % 3);
                RequireBfloat16(kernels, new(seed), tokens, 3 * rows, 16 * blocks);
                RequireMxfp4(kernels, new(seed), tokens, 2 * rows, 32 * blocks);
            }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public unsafe void A_panel_is_used_where_columns_are_ragged_and_where_narrow_registers_would_unpack_too_often()
    {
        float* sums = stackalloc float[100 * 64], x = stackalloc float[32];
        ushort* weights = stackalloc ushort[4 * 32 + 32];
        byte* codes = (byte*)weights;
        float** inputs = stackalloc float*[100];
        for (int i = 0; i < 100; i++)
            inputs[i] = x;
        Mxfp4Rows mxfp4 = new(codes, codes, Mxfp4.ScaledValues(0), 32);
        Bf16Rows bfloat16 = new(weights, 32);
        Assert.False(new Bf16Rows(weights, 31).TryMultiply4<Vector4>(0, inputs, 2, sums));
        Assert.True(bfloat16.TryMultiply4<Vector4>(0, inputs, 2, sums));
        Assert.False(bfloat16.TryMultiply4<Vector4>(0, inputs, 7, sums));
        Assert.False(mxfp4.TryMultiply4<Vector4>(0, inputs, 2, sums));
        if (RegisterWidth.V256.IsSupported())
        {
            Assert.True(bfloat16.TryMultiply4<Vector8>(0, inputs, 6, sums));
            Assert.False(bfloat16.TryMultiply4<Vector8>(0, inputs, 7, sums));
            Assert.True(mxfp4.TryMultiply4<Vector8>(0, inputs, 2, sums));
            Assert.False(mxfp4.TryMultiply4<Vector8>(0, inputs, 6, sums));
        }
        if (RegisterWidth.V512.IsSupported())
        {
            Assert.True(bfloat16.TryMultiply4<Vector16>(0, inputs, 100, sums));
            Assert.True(mxfp4.TryMultiply4<Vector16>(0, inputs, 100, sums));
        }
    }

    [Fact]
    public void Portions_are_as_equal_as_possible()
    {
        for (int most = 1; most <= 12; most++)
        {
            for (int all = 1; all <= 100; all++)
            {
                List<int> portions = [];
                for (int left = all; left > 0; left -= portions[^1])
                    portions.Add(RegisterTile.Portion(left, most));
                Assert.Equal((all + most - 1) / most, portions.Count);
                Assert.InRange(portions.Max(), portions.Min(), Math.Min(portions.Min() + 1, most));
            }
        }
    }

    private static void RequireBfloat16(Kernels kernels, Numbers numbers, int tokens, int rows, int columns)
    {
        ushort[] weights = numbers.Bf16(rows * columns), bias = tokens % 3 == 0 ? [] : numbers.Bf16(rows);
        float[][] x = Inputs(kernels, numbers, tokens, columns);
        Require(kernels, x, new Bf16Matrix(weights, rows, columns), bias, Definition.Linear(x, weights, bias, rows, kernels.Precision));
    }

    private static void RequireFloat32(Kernels kernels, Numbers numbers, int tokens, int rows, int columns)
    {
        float[] weights = [.. numbers.Rows(rows, columns).SelectMany(row => row)];
        float[][] x = Inputs(kernels, numbers, tokens, columns);
        Require(kernels, x, new PlainMatrix<F32Element>(MemoryMarshal.AsBytes<float>(weights).ToArray(), rows, columns, 1), [],
            Definition.Map(x, row => [.. Enumerable.Range(0, rows).Select(r =>
                Definition.B(Definition.Dot(row, weights.AsSpan(r * columns, columns)), kernels.Precision))]));
    }

    private static void Require(Kernels kernels, float[][] x, Weights weights, ushort[] bias, float[][] expected)
    {
        Poisoned from = new(x, offset: 3), to = new(x.Length, weights.Rows, offset: 2);
        kernels.Products.Linear(from.Rows, weights, bias, to.Rows);
        Bits.Equal(expected, to.Rows,
            $"{x.Length} × [{weights.Rows}, {weights.Columns}] of {weights.Format} at {kernels.Width}, {kernels.Precision}");
        from.RequireUntouched(paddingMayBeCleared: true);
        to.RequireUntouched();
    }

    /// <summary>The second of two experts has all rows of a token, the first has the first row alone; in all three containers.</summary>
    private static void RequireMxfp4(Kernels kernels, Numbers numbers, int tokens, int rows, int columns)
    {
        const int experts = 2;
        byte[] blocks = numbers.Bytes(experts * rows * columns / 2), scales = numbers.Scales(experts * rows * columns / 32);
        ushort[] bias = numbers.Bf16(experts * rows);
        float[][] x = Inputs(kernels, numbers, tokens + 1, columns);
        ExpertGroups groups = new();
        groups.Group([0, .. Enumerable.Repeat(1, tokens)], experts);
        bool deinterleave = rows % 2 == 0;
        float[] all = new float[experts * rows * columns];
        for (int i = 0; i < all.Length; i++)
            all[i] = Mxfp4.Decode(blocks.AsSpan(i / 32 * 16, 16), scales[i / 32], i % 32);
        float[][] expected = Definition.Map(x, (row, slot) =>
        {
            int expert = slot == 0 ? 0 : 1;
            return Definition.ExpertLinear(row, all[(expert * rows * columns)..((expert + 1) * rows * columns)], bias.AsSpan(expert * rows, rows),
                deinterleave, kernels.Precision);
        });
        foreach (Weights weights in new Weights[]
        {
            new Mxfp4Experts(blocks, scales, experts, rows, columns),
            new Mxfp4Blocks(Mxfp4Containers.WithScales(blocks, scales, Mxfp4Containers.Split), rows, columns, experts, arePairs: false),
            new Mxfp4Blocks(Mxfp4Containers.WithScales(blocks, scales, block => block), rows, columns, experts, arePairs: true),
        })
        {
            Poisoned from = new(x, offset: 3), to = new(x.Length, rows, offset: 2);
            kernels.Products.ExpertLinear(from.Rows, 1, weights, bias, groups, deinterleave, to.Rows);
            Bits.Equal(expected, to.Rows, $"{tokens} × [{rows}, {columns}] of {weights.Format} at {kernels.Width}, {kernels.Precision}");
            from.RequireUntouched();
            to.RequireUntouched();
        }
    }

    private static float[][] Inputs(Kernels kernels, Numbers numbers, int tokens, int columns) =>
        numbers.Rows(tokens, columns, bfloat16: kernels.Precision == Precision.Bfloat16);
}
