using System.Buffers;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using GptOss.Reference.Checkpoints.Storage;
using GptOss.Reference.Numerics;
using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Numerics.Ceilings;
using GptOss.Reference.Numerics.Formats;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Numerics.Products;
using GptOss.Reference.Numerics.Workers;

namespace GptOss.Benchmarks;

/// <summary>
/// Why do weights in place stream slower than a kernel over one matrix? The same bytes, more and more of them, read as bfloat16 and as MXFP4, on
/// three kinds of pages and in three orders, beside plain reading. <c>-- footprint [THREADS] [GIGABYTES] [FOLDER]</c> prints it.
/// </summary>
internal sealed class Footprint
{
    private const int Hidden = 2880, Outputs = 2 * Hidden, Experts = 32, PerToken = 4, Passes = 3;

    /// <summary>All experts' first matrices of one layer of the 20b: 282 MB.</summary>
    private const int LayerBytes = Experts * Outputs * (Hidden / 32) * 17, BlockBytes = LayerBytes / 17 * 16;

    private static readonly double[] Gigabytes = [0.25, 0.5, 1, 2, 4, 8, 12];

    private readonly WorkerPool _pool;
    private readonly Kernels _kernels;
    private readonly RegisterWidth _width = RegisterWidths.Widest;
    private readonly Memory<float> _x = KernelBenchmark.Normal(Hidden, 2), _y = AlignedBuffer.Allocate<float>(Experts * Outputs);
    private readonly ushort[] _bias = new ushort[Experts * Outputs];
    private readonly ExpertGroups _groups = new();
    private readonly TextWriter _to;

    private Footprint(int threads, TextWriter to)
    {
        (_pool, _to) = (new(threads), to);
        _kernels = Kernels.Create(_width, Precision.Float32, _pool);
    }

    internal static void Print(ReadOnlySpan<string> args, TextWriter to)
    {
        int threads = args.Length > 0 ? int.Parse(args[0], CultureInfo.InvariantCulture) : Topology.PhysicalCores;
        double most = args.Length > 1 ? double.Parse(args[1], CultureInfo.InvariantCulture) : 12;
        int[] sizes = [.. Gigabytes.Where(size => size <= most).Select(size => Math.Max(1, (int)(size * 1e9 / LayerBytes))).Distinct()];
        Footprint footprint = new(threads, to);
        to.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"GB/s, {threads} threads, {footprint._width}, medians of {Passes}; MXFP4 in products of 32 experts, of 4 in order, of 4 at random"));
        to.WriteLine("| pages | GB | reading | bfloat16 | MXFP4, 32 | 4 in order | 4 at random |");
        to.WriteLine("| --- | --- | --- | --- | --- | --- | --- |");
        foreach (bool large in (ReadOnlySpan<bool>)[false, true])
        {
            using PrivatePages pages = new(sizes[^1], large);
            footprint.Fill(pages.Layers);
            footprint.Sweep(large ? "private, 2 MiB" : "private, 4 KiB", pages.Layers, sizes);
        }
        string path = Path.Combine(args.Length > 2 ? args[2] : Path.GetTempPath(), "gptoss-footprint.bin");
        try
        {
            Write(path, sizes[^1]);
            using var file = MappedFile.Open(path);
            footprint.Sweep("mapped", [.. Enumerable.Range(0, sizes[^1]).Select(i => file.Memory<byte>((long)i * LayerBytes, LayerBytes))], sizes);
        }
        finally
        {
            File.Delete(path);
            footprint._pool.Dispose();
        }
    }

    private void Sweep(string pages, ReadOnlyMemory<byte>[] layers, int[] sizes)
    {
        Random random = new(3);
        int[] all = [.. Enumerable.Range(0, Experts)];
        foreach (int count in sizes)
        {
            ReadOnlyMemory<byte>[] some = layers[..count];
            Bf16Matrix[] dense = [.. some.Select(layer => new Bf16Matrix(new Cast(layer).Memory, LayerBytes / 2 / Hidden, Hidden))];
            Mxfp4Experts[] experts = [.. some.Select(layer => new Mxfp4Experts(layer[..BlockBytes], layer[BlockBytes..], Experts, Outputs, Hidden))];
            double[] speeds =
            [
                Speed(some, layer => MachineCeilings.ReadOnce(_pool, _width, layer.Span)),
                Speed(dense, matrix => _kernels.Products.Linear(new(_x.Span, 1, Hidden, Hidden), matrix, default, Output(1, matrix.Rows))),
                Speed(experts, layer => Multiply(layer, all)),
                Speed(experts, layer => Fours(layer, all)),
                Speed(experts, layer =>
                {
                    int[] chosen = [.. all];
                    random.Shuffle(chosen);
                    Fours(layer, chosen);
                }),
            ];
            _to.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"| {pages} | {(double)count * LayerBytes / 1e9:F2} | ")
                + string.Join(" | ", speeds.Select(s => s.ToString("F1", CultureInfo.InvariantCulture))) + " |");
        }
    }

    /// <summary>Layer by layer, all of them a few times.</summary>
    private static double Speed<T>(T[] layers, Action<T> pass)
    {
        double[] seconds = new double[Passes];
        for (int i = -1; i < Passes; i++)                // the first is not counted: code is compiled, pages of a file are found
        {
            long start = Stopwatch.GetTimestamp();
            foreach (T layer in layers)
                pass(layer);
            if (i >= 0)
                seconds[i] = Stopwatch.GetElapsedTime(start).TotalSeconds;
        }
        Array.Sort(seconds);
        return (double)layers.Length * LayerBytes / seconds[Passes / 2] / 1e9;
    }

    /// <summary>Products of four experts until every one has had its turn.</summary>
    private void Fours(Mxfp4Experts layer, int[] order)
    {
        for (int i = 0; i < Experts; i += PerToken)
            Multiply(layer, order.AsSpan(i, PerToken));
    }

    private void Multiply(Mxfp4Experts layer, ReadOnlySpan<int> chosen)
    {
        _groups.Group(chosen, Experts);
        _kernels.Products.ExpertLinear(new(_x.Span, 1, Hidden, Hidden), chosen.Length, layer, _bias, _groups, deinterleave: true,
            Output(chosen.Length, Outputs));
    }

    private Rows Output(int count, int width) => new(_y.Span, count, width, width);

    /// <summary>From the threads that will read it, as a preload does.</summary>
    private void Fill(ReadOnlyMemory<byte>[] layers)
    {
        byte[] pattern = Pattern();
        Parallel.For(0, layers.Length, new ParallelOptions { MaxDegreeOfParallelism = _pool.Count },
            i => pattern.CopyTo(MemoryMarshal.AsMemory(layers[i]).Span));
    }

    /// <summary>Bytes that are ordinary weights in either format: no subnormal number, no infinity.</summary>
    private static byte[] Pattern()
    {
        byte[] pattern = new byte[LayerBytes];
        new Random(1).NextBytes(pattern);
        foreach (ref byte b in pattern.AsSpan())
            b = (byte)(0x3C | (b & 3));
        return pattern;
    }

    private static void Write(string path, int layers)
    {
        byte[] pattern = Pattern();
        using FileStream file = File.Create(path, bufferSize: 0);
        for (int i = 0; i < layers; i++)
            file.Write(pattern);
        file.Flush(flushToDisk: true);
    }

    /// <summary>Memory of this process on pages of one kind.</summary>
    private sealed unsafe class PrivatePages : IDisposable
    {
        private readonly PrivateMemory? _large;
        private readonly void* _ordinary;

        internal PrivatePages(int layers, bool large)
        {
            long bytes = (long)layers * LayerBytes;
            _large = large ? new(bytes) : null;
            byte* start = (byte*)(large ? (void*)_large!.DangerousGetHandle() : _ordinary = NativeMemory.AlignedAlloc((nuint)bytes, 4096));
            Layers = [.. Enumerable.Range(0, layers).Select(i => (ReadOnlyMemory<byte>)new Block((nint)start + (nint)i * LayerBytes).Memory)];
        }

        internal ReadOnlyMemory<byte>[] Layers { get; }

        public void Dispose()
        {
            _large?.Dispose();
            NativeMemory.AlignedFree(_ordinary);
        }
    }

    private sealed unsafe class Block(nint start) : MemoryManager<byte>
    {
        public override Span<byte> GetSpan() => new((void*)start, LayerBytes);

        public override MemoryHandle Pin(int elementIndex = 0) => new((byte*)start + elementIndex);

        public override void Unpin()
        {
        }

        protected override void Dispose(bool disposing)
        {
        }
    }

    /// <summary>The same bytes as numbers of 16 bits.</summary>
    private sealed unsafe class Cast(ReadOnlyMemory<byte> bytes) : MemoryManager<ushort>
    {
        public override Span<ushort> GetSpan()
        {
            ReadOnlySpan<byte> span = bytes.Span;
            return new(Unsafe.AsPointer(ref MemoryMarshal.GetReference(span)), span.Length / sizeof(ushort));
        }

        public override MemoryHandle Pin(int elementIndex = 0) => throw new NotSupportedException();

        public override void Unpin()
        {
        }

        protected override void Dispose(bool disposing)
        {
        }
    }
}
