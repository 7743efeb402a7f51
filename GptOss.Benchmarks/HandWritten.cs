using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using BenchmarkDotNet.Attributes;
using GptOss.Reference.Numerics;
using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Numerics.Formats;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Numerics.Products;
using GptOss.Reference.Numerics.Workers;

namespace GptOss.Benchmarks;

/// <summary>
/// What does writing every kernel once for all widths cost? The two products of decode, on one thread, against loops written by hand for 256 and 128
/// bits, over weights that no cache holds.
/// </summary>
public unsafe class HandWritten : IWork
{
    private const int Hidden = 2880, Rows = 20_000;
    private readonly Bf16Matrix _dense = new(KernelBenchmark.NormalBf16(Rows * Hidden, 1), Rows, Hidden);
    private readonly Memory<float> _x = KernelBenchmark.Normal(Hidden, 2), _lanes = AlignedBuffer.Allocate<float>(Hidden),
        _y = AlignedBuffer.Allocate<float>(Rows);
    private readonly byte[] _blocks = new byte[Rows * Hidden / 2], _scales = new byte[Rows * Hidden / 32];
    private readonly ushort[] _bias = new ushort[Rows];
    private readonly ExpertGroups _groups = new();
    private WorkerPool Pool { get; set; } = null!;
    private Kernels _kernels = null!;

    /// <summary>Bits of a register.</summary>
    [Params(RegisterWidth.V256, RegisterWidth.V128)]
    public RegisterWidth Width { get; set; }

    /// <summary>MXFP4 instead of bfloat16.</summary>
    [Params(false, true)]
    public bool Mxfp4Weights { get; set; }

    /// <inheritdoc/>
    public double BytesRead => (Mxfp4Weights ? 17.0 / 32 : 2) * Rows * Hidden;

    /// <inheritdoc/>
    public double Operations => 2.0 * Rows * Hidden;

    /// <summary>Fills the weights.</summary>
    [GlobalSetup]
    public void Setup()
    {
        Random random = new(3);
        random.NextBytes(_blocks);
        for (int i = 0; i < _scales.Length; i++)
            _scales[i] = (byte)(118 + random.Next(6));
        _groups.Group([0], 1);
        Pool = new(1);
        _kernels = Kernels.Create(Width, Precision.Float32, Pool);
        fixed (float* x = _x.Span, lanes = _lanes.Span)
            new LaneOrderJob(x, Hidden, lanes, Hidden, 1, Hidden).Execute(0, 1);
    }

    /// <summary>Stops the worker.</summary>
    [GlobalCleanup]
    public void Stop() => Pool.Dispose();

    /// <summary>The kernels of the library.</summary>
    [Benchmark(Baseline = true)]
    public void Ours()
    {
        if (Mxfp4Weights)
        {
            _kernels.Products.ExpertLinear(new(_x.Span, 1, Hidden, Hidden), 1, new Mxfp4Experts(_blocks, _scales, 1, Rows, Hidden), _bias, _groups,
                deinterleave: false, new(_y.Span, 1, Rows, Rows));
        }
        else
        {
            _kernels.Products.Linear(new(_x.Span, 1, Hidden, Hidden), _dense, default, new(_y.Span, 1, Rows, Rows));
        }
    }

    /// <summary>Loops for this width alone.</summary>
    [Benchmark]
    public void ByHand()
    {
        fixed (float* x = Mxfp4Weights ? _lanes.Span : _x.Span, y = _y.Span)
        fixed (ushort* w = _dense.Data.Span)
        fixed (byte* blocks = _blocks, scales = _scales)
        {
            for (int row = 0; row < Rows; row++)
            {
                y[row] = (Width, Mxfp4Weights) switch
                {
                    (RegisterWidth.V256, false) => Dense256(w + (nint)row * Hidden, x),
                    (RegisterWidth.V128, false) => Dense128(w + (nint)row * Hidden, x),
                    (RegisterWidth.V256, _) => Experts256(blocks + (nint)row * Hidden / 2, scales + (nint)row * Hidden / 32, x),
                    _ => Experts128(blocks + (nint)row * Hidden / 2, scales + (nint)row * Hidden / 32, x),
                };
            }
        }
    }

    private static float Dense256(ushort* w, float* x)
    {
        Vector256<float> a = default, b = default, c = default, d = default;
        for (nint k = 0; k < Hidden; k += 32)
        {
            Sse.Prefetch1((byte*)(w + k) + (16 << 10));
            a = Fma.MultiplyAdd((Avx2.ConvertToVector256Int32(w + k) << 16).AsSingle(), Avx.LoadVector256(x + k), a);
            b = Fma.MultiplyAdd((Avx2.ConvertToVector256Int32(w + k + 8) << 16).AsSingle(), Avx.LoadVector256(x + k + 8), b);
            c = Fma.MultiplyAdd((Avx2.ConvertToVector256Int32(w + k + 16) << 16).AsSingle(), Avx.LoadVector256(x + k + 16), c);
            d = Fma.MultiplyAdd((Avx2.ConvertToVector256Int32(w + k + 24) << 16).AsSingle(), Avx.LoadVector256(x + k + 24), d);
        }
        return Vector256.Sum(a + b + (c + d));
    }

    private static float Dense128(ushort* w, float* x)
    {
        Vector128<float> a = default, b = default, c = default, d = default;
        for (nint k = 0; k < Hidden; k += 16)
        {
            if ((k & 16) == 0)
                Sse.Prefetch1((byte*)(w + k) + (16 << 10));
            a = Fma.MultiplyAdd((Sse41.ConvertToVector128Int32(w + k) << 16).AsSingle(), Sse.LoadVector128(x + k), a);
            b = Fma.MultiplyAdd((Sse41.ConvertToVector128Int32(w + k + 4) << 16).AsSingle(), Sse.LoadVector128(x + k + 4), b);
            c = Fma.MultiplyAdd((Sse41.ConvertToVector128Int32(w + k + 8) << 16).AsSingle(), Sse.LoadVector128(x + k + 8), c);
            d = Fma.MultiplyAdd((Sse41.ConvertToVector128Int32(w + k + 12) << 16).AsSingle(), Sse.LoadVector128(x + k + 12), d);
        }
        return Vector128.Sum(a + b + (c + d));
    }

    // Twice the value of each code, as bytes: a block's dot product is summed as integers times activations and scaled once, as
    // engines do that need no fixed rounding. So it does less work than the contract allows.
    private static readonly Vector128<sbyte> Doubled = Vector128.Create(0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12);

    private static float Experts256(byte* block, byte* scale, float* x)
    {
        Vector256<float> sum = default;
        var mask = Vector128.Create((byte)15);
        Vector128<sbyte> table = Doubled;
        for (nint k = 0; k < Hidden; k += 32, block += 16, scale++)
        {
            Sse.Prefetch1(block + (8 << 10));
            Vector128<byte> codes = Sse2.LoadVector128(block);
            Vector128<sbyte> even = Ssse3.Shuffle(table, (codes & mask).AsSByte()),
                odd = Ssse3.Shuffle(table, ((codes.AsUInt16() >>> 4).AsByte() & mask).AsSByte());
            Vector256<float> dot = Avx.ConvertToVector256Single(Avx2.ConvertToVector256Int32(even)) * Avx.LoadVector256(x + k);
            dot = Fma.MultiplyAdd(Avx.ConvertToVector256Single(Avx2.ConvertToVector256Int32(Sse2.ShiftRightLogical128BitLane(even, 8))),
                Avx.LoadVector256(x + k + 8), dot);
            dot = Fma.MultiplyAdd(Avx.ConvertToVector256Single(Avx2.ConvertToVector256Int32(odd)), Avx.LoadVector256(x + k + 16), dot);
            dot = Fma.MultiplyAdd(Avx.ConvertToVector256Single(Avx2.ConvertToVector256Int32(Sse2.ShiftRightLogical128BitLane(odd, 8))),
                Avx.LoadVector256(x + k + 24), dot);
            sum = Fma.MultiplyAdd(dot, Vector256.Create(BitConverter.Int32BitsToSingle((*scale - 1) << 23)), sum);
        }
        return Vector256.Sum(sum);
    }

    private static float Experts128(byte* block, byte* scale, float* x)
    {
        Vector128<float> sum = default;
        var mask = Vector128.Create((byte)15);
        Vector128<sbyte> table = Doubled;
        for (nint k = 0; k < Hidden; k += 32, block += 16, scale++)
        {
            Sse.Prefetch1(block + (8 << 10));
            Vector128<byte> codes = Sse2.LoadVector128(block);
            Vector128<sbyte> even = Ssse3.Shuffle(table, (codes & mask).AsSByte()),
                odd = Ssse3.Shuffle(table, ((codes.AsUInt16() >>> 4).AsByte() & mask).AsSByte());
            Vector128<float> dot = Quarter(even, x + k);
            dot = Fma.MultiplyAdd(Wide(Sse2.ShiftRightLogical128BitLane(even, 4)), Sse.LoadVector128(x + k + 4), dot);
            dot = Fma.MultiplyAdd(Wide(Sse2.ShiftRightLogical128BitLane(even, 8)), Sse.LoadVector128(x + k + 8), dot);
            dot = Fma.MultiplyAdd(Wide(Sse2.ShiftRightLogical128BitLane(even, 12)), Sse.LoadVector128(x + k + 12), dot);
            dot = Fma.MultiplyAdd(Wide(odd), Sse.LoadVector128(x + k + 16), dot);
            dot = Fma.MultiplyAdd(Wide(Sse2.ShiftRightLogical128BitLane(odd, 4)), Sse.LoadVector128(x + k + 20), dot);
            dot = Fma.MultiplyAdd(Wide(Sse2.ShiftRightLogical128BitLane(odd, 8)), Sse.LoadVector128(x + k + 24), dot);
            dot = Fma.MultiplyAdd(Wide(Sse2.ShiftRightLogical128BitLane(odd, 12)), Sse.LoadVector128(x + k + 28), dot);
            sum = Fma.MultiplyAdd(dot, Vector128.Create(BitConverter.Int32BitsToSingle((*scale - 1) << 23)), sum);
        }
        return Vector128.Sum(sum);
    }

    private static Vector128<float> Quarter(Vector128<sbyte> values, float* x) => Wide(values) * Sse.LoadVector128(x);

    private static Vector128<float> Wide(Vector128<sbyte> values) => Sse2.ConvertToVector128Single(Sse41.ConvertToVector128Int32(values));
}
