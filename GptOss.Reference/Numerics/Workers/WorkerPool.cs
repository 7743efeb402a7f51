using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace GptOss.Reference.Numerics.Workers;

/// <summary>Work that is cut into equal parts, one a worker. Implementations are structs that hold pointers; nothing is allocated to run one.</summary>
internal interface IJob
{
    /// <summary>Does part <paramref name="part"/> of <paramref name="parts"/>; every part runs exactly once.</summary>
    void Execute(int part, int parts);
}

/// <summary>
/// A few threads that share every kernel, each with a fixed part of it. Between kernels they spin for a moment, so that the next one starts
/// within a microsecond; then they park.
/// </summary>
/// <remarks>One kernel runs at a time; the calling thread is worker 0. No counter is shared: every worker reports in a cache line of its own.</remarks>
public sealed unsafe class WorkerPool : IDisposable
{
    /// <summary>Turns of the wait loop before a worker parks: some 50 µs, longer than any serial step between two kernels of a forward pass.</summary>
    private const int SpinsBeforeParking = 2000;

    private readonly Worker[] _workers;
    private readonly Lock _gate = new();
    private void* _job;
    private delegate*<void*, int, int, void> _execute;
    private int _ticket;
    private bool _disposed;

    /// <summary>Starts <paramref name="threads"/> − 1 threads.</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="threads"/> is not in 1…1024.</exception>
    public WorkerPool(int threads)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(threads, 1024);
        _workers = new Worker[threads - 1];
        for (int i = 0; i < _workers.Length; i++)
        {
            Worker worker = _workers[i] = new Worker();
            int part = i + 1;
            new Thread(() => Work(worker, part), maxStackSize: 1 << 20) { IsBackground = true, Name = $"gpt-oss worker {part}" }.Start();
        }
    }

    /// <summary>Workers, the calling thread included.</summary>
    public int Count => _workers.Length + 1;

    /// <summary>Stops the threads. Nothing may be running.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            if (_disposed)
                return;
            _disposed = true;
            _execute = null;
            Announce();
        }
    }

    /// <summary>Runs all parts of <paramref name="job"/> and returns when the last is done; an exception of any part is thrown here.</summary>
    internal void Run<TJob>(ref TJob job) where TJob : struct, IJob
    {
        if (_workers.Length == 0)
        {
            job.Execute(0, 1);
            return;
        }
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
#pragma warning disable CS8500 // A job may hold references: it stays on the caller's stack, where the collector sees them, until every part is done.
            fixed (TJob* pinned = &job)
#pragma warning restore CS8500
            {
                _job = pinned;
                _execute = &ExecutePart<TJob>;
                Announce();
                Exception? failure = null;
                try
                {
                    job.Execute(0, Count);
                }
                catch (Exception e)
                {
                    failure = e;
                }
                foreach (Worker worker in _workers)
                {
                    SpinWait wait = default;
                    while (Volatile.Read(ref worker.Done.Value) != _ticket)
                        wait.SpinOnce(sleep1Threshold: -1);
                    failure ??= worker.Failure;
                    worker.Failure = null;
                }
                if (failure is not null)
                    System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(failure);
            }
        }
    }

    /// <summary>The half-open range of <paramref name="total"/> items that part <paramref name="part"/> of <paramref name="parts"/> does, in whole <paramref name="granule"/>s.</summary>
    internal static (int Begin, int End) Share(int total, int granule, int part, int parts)
    {
        long granules = ((long)total + granule - 1) / granule;
        return ((int)Math.Min(granules * part / parts * granule, total), (int)Math.Min(granules * (part + 1) / parts * granule, total));
    }

    private static void ExecutePart<TJob>(void* job, int part, int parts) where TJob : struct, IJob => Unsafe.AsRef<TJob>(job).Execute(part, parts);

    private void Announce()
    {
        Interlocked.Increment(ref _ticket);      // a full fence: the job is visible before, the parked flags are read after
        foreach (Worker worker in _workers)
        {
            if (Volatile.Read(ref worker.Parked) != 0)
                worker.Wake.Set();
        }
    }

    private void Work(Worker worker, int part)
    {
        int done = 0;
        while (true)
        {
            AwaitTicketAfter(done, worker);
            done = Volatile.Read(ref _ticket);
            if (_execute is null)
                return;
            try
            {
                _execute(_job, part, Count);
            }
            catch (Exception e)
            {
                worker.Failure = e;
            }
            Volatile.Write(ref worker.Done.Value, done);
        }
    }

    private void AwaitTicketAfter(int done, Worker worker)
    {
        for (int spin = 0; spin < SpinsBeforeParking; spin++)
        {
            if (Volatile.Read(ref _ticket) != done)
                return;
            if ((spin & 63) == 63)
                Thread.Yield();      // more workers than cores: let the one that computes have this core
            else
                Thread.SpinWait(8);
        }
        Interlocked.Exchange(ref worker.Parked, 1);
        while (Volatile.Read(ref _ticket) == done)
            worker.Wake.WaitOne();
        Volatile.Write(ref worker.Parked, 0);
    }

    [System.Diagnostics.CodeAnalysis.SuppressMessage("Design", "CA1001", Justification = "A thread that ends may still be woken; its event goes with its finalizer.")]
    private sealed class Worker
    {
        internal readonly AutoResetEvent Wake = new(false);
        internal Padded Done;
        internal int Parked;
        internal Exception? Failure;
    }

    /// <summary>An int alone in its cache lines, so that polling it disturbs no neighbour.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    private struct Padded
    {
        [FieldOffset(128)]
        internal int Value;
    }
}
