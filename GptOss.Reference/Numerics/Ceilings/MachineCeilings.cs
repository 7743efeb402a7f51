using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Numerics.Workers;

namespace GptOss.Reference.Numerics.Ceilings;

/// <summary>The limits of this machine, to compare the speed of a kernel with.</summary>
/// <param name="ReadBytesPerSecond">Reading memory once, in bytes a second.</param>
/// <param name="ReadBytes">Size of the memory that was read.</param>
/// <param name="FmaOperationsPerSecond">float32 fused multiply-adds out of registers, two operations each.</param>
internal sealed record MachineCeilings(double ReadBytesPerSecond, long ReadBytes, double FmaOperationsPerSecond)
{
    private const int Passes = 5;

    /// <summary>Measures both on <paramref name="threads"/> threads: the median of five passes each.</summary>
    /// <param name="threads">As many as the run to compare.</param>
    /// <param name="width">The run's register width.</param>
    /// <param name="readBytes">Private memory on ordinary pages to read; far more than the caches hold, 4 GiB by default.</param>
    /// <exception cref="OutOfMemoryException">There is not enough memory.</exception>
    public static MachineCeilings Measure(int threads, RegisterWidth width, long readBytes = 4L << 30)
    {
        using WorkerPool pool = new(threads);
        return width switch
        {
            RegisterWidth.Scalar => Measure<Vector1>(pool, readBytes),
            RegisterWidth.V128 => Measure<Vector4>(pool, readBytes),
            RegisterWidth.V256 => Measure<Vector8>(pool, readBytes),
            _ => Measure<Vector16>(pool, readBytes),
        };
    }

    /// <summary>Reads bytes once, in order, all threads a part each: what a kernel over the same bytes cannot beat.</summary>
    internal static unsafe void ReadOnce(WorkerPool pool, RegisterWidth width, ReadOnlySpan<byte> bytes)
    {
        fixed (byte* start = bytes)
        {
            switch (width)
            {
                case RegisterWidth.Scalar:
                    Read<Vector1>(pool, start, bytes.Length);
                    break;
                case RegisterWidth.V128:
                    Read<Vector4>(pool, start, bytes.Length);
                    break;
                case RegisterWidth.V256:
                    Read<Vector8>(pool, start, bytes.Length);
                    break;
                default:
                    Read<Vector16>(pool, start, bytes.Length);
                    break;
            }
        }
    }

    private static unsafe void Read<TVector>(WorkerPool pool, byte* start, long bytes) where TVector : struct, IVector<TVector>
    {
        ReadJob<TVector> read = new((float*)start, bytes / sizeof(float), prefetch: true);
        pool.Run(ref read);
    }

    private static unsafe MachineCeilings Measure<TVector>(WorkerPool pool, long readBytes) where TVector : struct, IVector<TVector>
    {
        FmaJob<TVector> fma = new(4_000_000);
        double fmaSeconds = MedianSeconds(pool, ref fma);
        float* memory = (float*)NativeMemory.AlignedAlloc((nuint)readBytes, 4096);
        try
        {
            FillJob fill = new(memory, readBytes / sizeof(float));
            pool.Run(ref fill);
            ReadJob<TVector> plain = new(memory, readBytes / sizeof(float), prefetch: false),
                ahead = new(memory, readBytes / sizeof(float), prefetch: true);
            double seconds = Math.Min(MedianSeconds(pool, ref plain), MedianSeconds(pool, ref ahead));
            return new(readBytes / seconds, readBytes, pool.Count * fma.Operations / fmaSeconds);
        }
        finally
        {
            NativeMemory.AlignedFree(memory);
        }
    }

    private static double MedianSeconds<TJob>(WorkerPool pool, ref TJob job) where TJob : struct, IJob
    {
        pool.Run(ref job);      // compiled and warm
        double[] seconds = new double[Passes];
        for (int i = 0; i < Passes; i++)
        {
            long start = Stopwatch.GetTimestamp();
            pool.Run(ref job);
            seconds[i] = Stopwatch.GetElapsedTime(start).TotalSeconds;
        }
        Array.Sort(seconds);
        return seconds[Passes / 2];
    }

    /// <summary>Touches every page from the thread that will read it.</summary>
    private readonly unsafe struct FillJob(float* memory, long count) : IJob
    {
        public void Execute(int part, int parts)
        {
            long end = count * (part + 1) / parts;
            for (long at = count * part / parts, n; at < end; at += n)
            {
                n = Math.Min(end - at, 1 << 20);
                new Span<float>(memory + at, (int)n).Fill(1);
            }
        }
    }

    /// <summary>Adds everything up in eight registers; nothing is kept but the sum.</summary>
    private readonly unsafe struct ReadJob<TVector>(float* memory, long count, bool prefetch) : IJob where TVector : struct, IVector<TVector>
    {
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]      // it runs too few times to be tiered up
        public void Execute(int part, int parts)
        {
            // Steps of a KiB; what is left over at the end of a part is below a millionth.
            float* at = memory + count * part / parts / 256 * 256, end = memory + count * (part + 1) / parts / 256 * 256;
            TVector one = TVector.Broadcast(1), s0 = TVector.Zero, s1 = s0, s2 = s0, s3 = s0, s4 = s0, s5 = s0, s6 = s0, s7 = s0;
            for (; at < end; at += 256)
            {
                if (prefetch && Sse.IsSupported)
                {
                    for (int line = 0; line < 256; line += 16)
                        Sse.Prefetch0(at + 1024 + line);
                }
                for (int i = 0; i < 256; i += 8 * TVector.Lanes)
                {
                    s0 = TVector.FusedMultiplyAdd(TVector.Load(at + i), one, s0);
                    s1 = TVector.FusedMultiplyAdd(TVector.Load(at + i + TVector.Lanes), one, s1);
                    s2 = TVector.FusedMultiplyAdd(TVector.Load(at + i + 2 * TVector.Lanes), one, s2);
                    s3 = TVector.FusedMultiplyAdd(TVector.Load(at + i + 3 * TVector.Lanes), one, s3);
                    s4 = TVector.FusedMultiplyAdd(TVector.Load(at + i + 4 * TVector.Lanes), one, s4);
                    s5 = TVector.FusedMultiplyAdd(TVector.Load(at + i + 5 * TVector.Lanes), one, s5);
                    s6 = TVector.FusedMultiplyAdd(TVector.Load(at + i + 6 * TVector.Lanes), one, s6);
                    s7 = TVector.FusedMultiplyAdd(TVector.Load(at + i + 7 * TVector.Lanes), one, s7);
                }
            }
            float* sum = stackalloc float[16];
            Sum(Sum(s0, s1, s2, s3), Sum(s4, s5, s6, s7), one, one).Store(sum);
            RequireNumber(sum);
        }
    }

    /// <summary>Twelve independent accumulators: enough for four cycles of latency at up to three a cycle.</summary>
    private readonly unsafe struct FmaJob<TVector>(int rounds) : IJob where TVector : struct, IVector<TVector>
    {
        internal double Operations => 2.0 * 12 * TVector.Lanes * rounds;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Execute(int part, int parts)
        {
            TVector x = TVector.Broadcast(1e-3f), y = TVector.Broadcast(0.999f);
            TVector s0 = x, s1 = x, s2 = x, s3 = x, s4 = x, s5 = x, s6 = x, s7 = x, s8 = x, s9 = x, s10 = x, s11 = x;
            for (int i = 0; i < rounds; i++)
            {
                s0 = TVector.FusedMultiplyAdd(s0, y, x);
                s1 = TVector.FusedMultiplyAdd(s1, y, x);
                s2 = TVector.FusedMultiplyAdd(s2, y, x);
                s3 = TVector.FusedMultiplyAdd(s3, y, x);
                s4 = TVector.FusedMultiplyAdd(s4, y, x);
                s5 = TVector.FusedMultiplyAdd(s5, y, x);
                s6 = TVector.FusedMultiplyAdd(s6, y, x);
                s7 = TVector.FusedMultiplyAdd(s7, y, x);
                s8 = TVector.FusedMultiplyAdd(s8, y, x);
                s9 = TVector.FusedMultiplyAdd(s9, y, x);
                s10 = TVector.FusedMultiplyAdd(s10, y, x);
                s11 = TVector.FusedMultiplyAdd(s11, y, x);
            }
            float* sum = stackalloc float[16];
            Sum(Sum(s0, s1, s2, s3), Sum(s4, s5, s6, s7), s8, Sum(s9, s10, s11, x)).Store(sum);
            RequireNumber(sum);
        }
    }

    /// <summary>Adds registers up, so that their computation cannot be removed.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Sum<TVector>(TVector a, TVector b, TVector c, TVector d) where TVector : struct, IVector<TVector>
    {
        TVector one = TVector.Broadcast(1);
        return TVector.FusedMultiplyAdd(a, one, TVector.FusedMultiplyAdd(b, one, TVector.FusedMultiplyAdd(c, one, d)));
    }

    /// <summary>
    /// A call of its own, on memory: registers that are live across a call would be spilled to the stack in every iteration of the loop before it.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static unsafe void RequireNumber(float* sum)
    {
        if (float.IsNaN(*sum))
            throw new InvalidOperationException("A sum of ordinary numbers is not a number.");
    }
}
