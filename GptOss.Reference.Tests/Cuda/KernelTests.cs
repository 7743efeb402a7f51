using System.Runtime.InteropServices;
using FsCheck;
using FsCheck.Fluent;
using GptOss.Reference.Cuda;
using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Numerics.Formats;
using GptOss.Reference.Numerics.Products;
using GptOss.Reference.Tests.Cuda.Emulator;
using Xunit;

namespace GptOss.Reference.Tests.Cuda;

/// <summary>The shipped PTX, run by the emulated card, against the scalar kernels: bit for bit, every NaN being one.</summary>
public class KernelTests
{
    // Round the edges: 16 columns a step, 16, 8 and 4 steps unrolled, 32 rows a block, 64 rows and 32 tokens a tile, 32 columns a chunk.
    public static TheoryData<int, int, int> LinearShapes => new()
    {
        { 1, 1, 16 }, { 1, 31, 48 }, { 1, 33, 256 }, { 1, 70, 272 }, { 1, 8, 2880 },
        { 2, 5, 128 }, { 2, 32, 144 }, { 3, 33, 112 }, { 4, 7, 160 }, { 5, 9, 64 }, { 7, 34, 80 }, { 8, 1, 96 },
        { 9, 63, 64 }, { 31, 64, 48 }, { 32, 65, 64 }, { 33, 130, 80 }, { 65, 3, 192 }, { 64, 64, 16 }, { 9, 2, 32 },
    };

    [Theory, MemberData(nameof(LinearShapes))]
    public void A_product_has_the_bits_of_the_processor(int tokens, int rows, int columns)
    {
        foreach (bool special in new[] { false, true })
        {
            foreach (bool add in new[] { false, true })
                RequireLinear(new(tokens + rows + columns), tokens, rows, columns, special, add);
        }
    }

    [Fact]
    public void A_product_of_any_shape_has_the_bits_of_the_processor() => Check(40, seed =>
    {
        Random random = new(seed);
        RequireLinear(new(seed), random.Next(1, 20), random.Next(1, 80), 16 * random.Next(1, 14), random.Next(3) == 0, random.Next(2) == 0);
    });

    internal static void RequireLinear(DeviceRun run, int tokens, int rows, int columns, bool special, bool add)
    {
        float[] x = run.Floats(tokens * columns, special), before = run.Floats(tokens * rows, special), expected = new float[tokens * rows];
        ushort[] w = run.Numbers.Bf16(rows * columns), bias = add || rows % 2 == 0 ? run.Numbers.Bf16(rows) : [];
        run.Scalar.Products.Linear(DeviceRun.Rows(x, columns), new Bf16Matrix(w, rows, columns), bias, DeviceRun.Rows(expected, rows));
        if (add)
            expected = [.. before.Zip(expected, (a, b) => a + b)];
        DeviceMatrix matrix = new(run.Keep<ushort>(w), bias is [] ? 0 : run.Keep(new StoredVector(bias).ToArray()), rows, columns);
        ulong y = run.Put<float>(before);
        run.Device.Linear(run.Keep(x), matrix, y, tokens, add);
        run.RequireSame(expected, y, $"{tokens} × [{rows}, {columns}]");
    }

    [Theory]
    [InlineData(1, 16)]
    [InlineData(3, 48)]
    [InlineData(2, 96)]
    [InlineData(5, 272)]
    [InlineData(1, 2880)]
    public void A_norm_has_the_bits_of_the_processor(int tokens, int width)
    {
        foreach (bool special in new[] { false, true })
        {
            DeviceRun run = new(width);
            float[] x = run.Floats(tokens * width, special), gain = run.Floats(width), expected = new float[x.Length];
            run.Scalar.RowWise.RmsNorm(DeviceRun.Rows(x, width), gain, 1e-5f, DeviceRun.Rows(expected, width));
            ulong y = run.Empty(x.Length);
            run.Device.RmsNorm(run.Keep(x), run.Keep(gain), y, tokens, width, 1e-5f);
            run.RequireSame(expected, y, $"{tokens} × {width}");
        }
    }

    [Fact]
    public void Routing_has_the_choices_and_the_bits_of_the_processor() => Check(150, seed =>
    {
        DeviceRun run = new(seed);
        int experts = 1 + run.Numbers.Below(140), k = 1 + run.Numbers.Below(Math.Min(experts, 32)), tokens = 3;
        float[] logits = run.Floats(tokens * experts, special: seed % 3 == 0, every: 4);
        if (seed % 2 == 0)
            logits = [.. logits.Select(value => MathF.Round(value * 2) / 4)];              // ties
        RequireRouting(run, logits, tokens, experts, k);
    });

    [Theory]
    [InlineData(1024, 32)]
    [InlineData(16, 16)]
    [InlineData(5, 1)]
    public void Routing_takes_the_lowest_index_of_equals_and_puts_NaN_last(int experts, int k)
    {
        DeviceRun run = new(experts);
        float[] logits =
            [.. Enumerable.Range(0, 4 * experts).Select(i => i < experts ? 0f : i < 2 * experts || i % 3 == 0 ? float.NaN : i % 5)];
        RequireRouting(run, logits, 4, experts, k);
    }

    private static void RequireRouting(DeviceRun run, float[] logits, int tokens, int experts, int k)
    {
        int[] expected = new int[tokens * k];
        float[] weights = new float[tokens * k];
        run.Scalar.RowWise.Route(DeviceRun.Rows(logits, experts), k, expected, weights);
        ulong choices = run.Empty(tokens * k), shares = run.Empty(tokens * k);
        run.Device.Route(run.Keep(logits), choices, shares, tokens, experts, k);
        Assert.Equal(expected, run.Get<int>(choices, tokens * k));
        run.RequireSame(weights, shares, $"{k} of {experts}");
    }

    [Theory]
    [InlineData(1, 8, 4, 96, 64)]
    [InlineData(2, 5, 1, 64, 96)]
    [InlineData(3, 16, 16, 160, 32)]
    [InlineData(8, 4, 2, 32, 224)]
    [InlineData(9, 8, 4, 96, 64)]
    [InlineData(20, 5, 1, 64, 96)]
    [InlineData(33, 3, 2, 32, 32)]
    [InlineData(40, 2, 2, 160, 96)]
    [InlineData(1, 2, 1, 2880, 32)]
    public void Experts_have_the_bits_of_the_processor(int tokens, int experts, int k, int hidden, int intermediate)
    {
        for (int seed = 0; seed < 3; seed++)
            RequireExperts(new(seed + tokens), tokens, experts, k, hidden, intermediate, special: seed == 1, wide: seed == 2);
    }

    [Fact]
    public void Experts_of_any_shape_have_the_bits_of_the_processor() => Check(30, seed =>
    {
        Random random = new(seed);
        int experts = random.Next(1, 9);
        RequireExperts(new(seed), random.Next(1, 14), experts, random.Next(1, experts + 1), 32 * random.Next(1, 6), 32 * random.Next(1, 6),
            random.Next(4) == 0, random.Next(2) == 0);
    });

    // Two to eight tokens in company at one expert, and more columns than are in shared memory at once.
    [Theory]
    [InlineData(2, 32, 1088)]
    [InlineData(3, 1088, 32)]
    [InlineData(5, 2080, 32)]
    [InlineData(8, 1024, 64)]
    public void Tokens_that_share_experts_have_the_bits_of_the_processor(int tokens, int hidden, int intermediate)
    {
        RequireExperts(new(tokens), tokens, 2, 1, hidden, intermediate, special: false, wide: true);
        RequireExperts(new(tokens), tokens, 1, 1, hidden, intermediate, special: false, wide: true);
    }

    [Theory, InlineData(2), InlineData(3), InlineData(4), InlineData(5), InlineData(8)]
    public void Up_to_eight_tokens_read_every_weight_once(int tokens)
    {
        const int Experts = 4, K = 2, Hidden = 1088, Intermediate = 64;
        using EmulatedGpu gpu = new();
        DeviceKernels kernels = new(gpu);
        int slots = tokens * K;
        ulong Zeros(int bytes) => gpu.Keep(new byte[bytes]);
        ulong dense = Zeros(2 * 64 * Hidden), up = Zeros(Experts * Intermediate * Hidden), down = Zeros(Experts * Hidden * Intermediate / 2);
        kernels.Linear(Zeros(4 * tokens * Hidden), new(dense, 0, 64, Hidden), gpu.Allocate(4 * tokens * 64), tokens);
        Assert.Equal(2 * 64 * Hidden, gpu.Loaded(dense));
        // All tokens meet expert 1; the first meets 0, the others 3.
        int[] choices = [.. Enumerable.Range(0, slots).Select(slot => slot % 2 == 0 ? 1 : slot == 1 ? 0 : 3)];
        ulong chosen = gpu.Keep(MemoryMarshal.AsBytes(choices.AsSpan())), lists = gpu.Allocate(DeviceKernels.GroupBytes(tokens, Experts, K));
        ulong h = gpu.Allocate(4 * slots * Intermediate);
        kernels.Up(Zeros(4 * tokens * Hidden), chosen, new(up, Zeros(Experts * Intermediate * Hidden / 16), Zeros(8 * Experts * Intermediate),
            2 * Intermediate, Hidden, false), h, lists, tokens, Experts, K, 1.702f, 7);
        kernels.Down(h, chosen, new(down, Zeros(Experts * Hidden * Intermediate / 32), Zeros(4 * Experts * Hidden), Hidden, Intermediate, false),
            gpu.Allocate(4 * slots * Hidden), lists, tokens, Experts, K);
        Assert.Equal((3 * Intermediate * Hidden, 3 * Hidden * Intermediate / 2), (gpu.Loaded(up), gpu.Loaded(down)));
    }

    internal static void RequireExperts(DeviceRun run, int tokens, int experts, int k, int hidden, int intermediate, bool special, bool wide)
    {
        const float Alpha = 1.702f, Limit = 7;
        int slots = tokens * k;
        // Every scale byte that a weight may have; without the wide kernels at most 128. Extreme ones are few, or every sum would be NaN.
        byte[] Scales(int count) => [.. Enumerable.Range(0, count).Select(_ => (byte)(run.Numbers.Below(special || wide ? 40 : 1 << 30) == 0
            ? run.Numbers.Below(wide ? 255 : 129) : 112 + run.Numbers.Below(17)))];
        byte[] upScales = Scales(experts * 2 * intermediate * hidden / 32), downScales = Scales(experts * hidden * intermediate / 32);
        Mxfp4Experts up = new(run.Numbers.Bytes(upScales.Length * 16), upScales, experts, 2 * intermediate, hidden);
        Mxfp4Experts down = new(run.Numbers.Bytes(downScales.Length * 16), downScales, experts, hidden, intermediate);
        ushort[] upBias = run.Numbers.Bf16(experts * 2 * intermediate), downBias = run.Numbers.Bf16(experts * hidden);
        float[] t = run.Floats(tokens * hidden, special, 400), weights = run.Floats(slots), before = run.Floats(tokens * hidden);
        int[] choices = [.. Enumerable.Range(0, tokens).SelectMany(_ =>
            Enumerable.Range(0, experts).OrderBy(_ => run.Numbers.Below(1 << 20)).Take(k).ToArray())];

        float[] gu = new float[slots * 2 * intermediate], h = new float[slots * intermediate], y = new float[slots * hidden], x = [.. before];
        ExpertGroups groups = new();
        groups.Group(choices, experts);
        Rows halves = DeviceRun.Rows(gu, 2 * intermediate);
        run.Scalar.Products.ExpertLinear(DeviceRun.Rows(t, hidden), k, up, upBias, groups, deinterleave: true, halves);
        run.Scalar.RowWise.SwiGlu(halves, Alpha, Limit, DeviceRun.Rows(h, intermediate));
        run.Scalar.Products.ExpertLinear(DeviceRun.Rows(h, intermediate), 1, down, downBias, groups, deinterleave: false, DeviceRun.Rows(y, hidden));
        run.Scalar.RowWise.MixExperts(DeviceRun.Rows(y, hidden), weights, k, DeviceRun.Rows(x, hidden));

        DeviceExperts Put(Mxfp4Experts w, ushort[] bias) => new(
            run.Keep(w.Blocks.Span), run.Keep(w.Scales.Span), run.Keep(new StoredVector(bias).ToArray()), w.Rows, w.Columns, wide);
        ulong gotH = run.Empty(h.Length), gotY = run.Empty(y.Length), gotX = run.Put<float>(before);
        ulong lists = run.Gpu.Allocate(DeviceKernels.GroupBytes(tokens, experts, k));
        ulong chosen = run.Keep<int>(choices);
        run.Device.Up(run.Keep(t), chosen, Put(up, upBias), gotH, lists, tokens, experts, k, Alpha, Limit);
        run.Device.Down(gotH, chosen, Put(down, downBias), gotY, lists, tokens, experts, k);
        run.Device.MixExperts(gotY, run.Keep(weights), gotX, tokens, hidden, k);
        string what = $"{tokens} tokens, {k} of {experts}, {hidden} to {intermediate}";
        run.RequireSame(h, gotH, $"SwiGLU, {what}");
        run.RequireSame(y, gotY, $"outputs, {what}");
        run.RequireSame(x, gotX, $"sum, {what}");
        if (tokens > 1)
            Assert.Equal(Enumerable.Range(0, experts).SelectMany(e => groups.SlotsOf(e).ToArray()), run.Get<int>(lists, slots));
    }

    /// <summary>A property of a seed; the seed that breaks it is in the message.</summary>
    private static void Check(int times, Action<int> property) => Prop.ForAll(Gen.Choose(0, int.MaxValue).ToArbitrary(), property)
        .Check(Config.QuickThrowOnFailure.WithMaxTest(times));
}
