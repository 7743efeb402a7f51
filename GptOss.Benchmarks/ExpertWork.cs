using BenchmarkDotNet.Attributes;
using GptOss.Reference.Numerics;
using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Numerics.Formats;
using GptOss.Reference.Numerics.Products;

namespace GptOss.Benchmarks;

/// <summary>The first product of a layer of 32 experts at the published width, with a seeded random routing of four experts a token.</summary>
public abstract class ExpertWork : KernelBenchmark, IWork
{
    private const int Experts = 32, PerToken = 4, Outputs = 2 * Hidden;
    private readonly ExpertGroups _groups = new();
    private Mxfp4Experts _w = null!;
    private ushort[] _bias = [];
    private Memory<float> _x, _y;

    /// <summary>Tokens of a call.</summary>
    public abstract int Tokens { get; set; }

    /// <inheritdoc/>
    public double BytesRead => Tokens == 1 ? PerToken * (double)Outputs * Hidden * 17 / 32 : 0;

    /// <inheritdoc/>
    public double Operations => 2.0 * Tokens * PerToken * Outputs * Hidden;

    /// <summary>Fills the weights and starts the workers.</summary>
    [GlobalSetup]
    public void Setup()
    {
        Start();
        Random random = new(3);
        byte[] blocks = new byte[Experts * Outputs * (Hidden / 2)], scales = new byte[Experts * Outputs * (Hidden / 32)];
        random.NextBytes(blocks);
        for (int i = 0; i < scales.Length; i++)
            scales[i] = (byte)(118 + random.Next(6));
        _w = new(blocks, scales, Experts, Outputs, Hidden);
        _bias = new ushort[Experts * Outputs];
        int[] experts = new int[Tokens * PerToken], all = [.. Enumerable.Range(0, Experts)];
        for (int token = 0; token < Tokens; token++)
        {
            random.Shuffle(all);
            all.AsSpan(0, PerToken).CopyTo(experts.AsSpan(token * PerToken));
        }
        _groups.Group(experts, Experts);
        _x = Normal(Tokens * Hidden, 4);
        _y = AlignedBuffer.Allocate<float>(Tokens * PerToken * Outputs);
    }

    private protected void Multiply() => Kernels.Products.ExpertLinear(
        new(_x.Span, Tokens, Hidden, Hidden), PerToken, _w, _bias, _groups, deinterleave: true, new(_y.Span, Tokens * PerToken, Outputs, Outputs));
}

/// <summary>How fast is one token through its four experts?</summary>
public class ExpertMatVec : ExpertWork
{
    /// <inheritdoc/>
    [Params(1)]
    public override int Tokens { get; set; }

    /// <summary>Matrix–vector straight from the stored blocks.</summary>
    [Benchmark]
    public void MatVec() => Multiply();
}

/// <summary>How fast is a prompt through its experts?</summary>
public class ExpertPrefill : ExpertWork
{
    /// <inheritdoc/>
    [Params(8, 32, 128, 512)]
    public override int Tokens { get; set; }

    /// <summary>Matrix–matrix in tiles of four weight rows and a few tokens.</summary>
    [Benchmark]
    public void MatMul() => Multiply();
}
