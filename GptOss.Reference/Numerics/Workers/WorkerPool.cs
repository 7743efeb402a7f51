using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace GptOss.Reference.Numerics.Workers;

/// <summary>
/// A few threads that share every kernel, each with a fixed part of it. Between kernels they spin for a moment, so that the next one starts
/// within a microsecond; then they park.
/// </summary>
/// <remarks>
/// One kernel runs at a time; the calling thread is worker 0. No counter is shared: every worker reports in a cache line of its own. The threads hold
/// what they share and not the pool, so a pool that is dropped without <see cref="Dispose"/> is collected, and its threads end.
/// </remarks>
internal sealed class WorkerPool : IDisposable
{
    /// <summary>The most threads of a pool.</summary>
    public const int MostThreads = 1024;

    [ThreadStatic]
    private static bool t_working;

    private readonly Team _team;

    /// <summary>Starts <paramref name="threads"/> − 1 threads.</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="threads"/> is not in 1 … <see cref="MostThreads"/>.</exception>
    public WorkerPool(int threads)
    {
        Checked(threads, nameof(threads));
        _team = new Team(threads - 1);
        _team.Start();
    }

    /// <summary>Ends the threads of a pool that no one disposed.</summary>
    ~WorkerPool() => _team?.End();

    /// <summary>Workers, the calling thread included.</summary>
    public int Count => _team.Workers + 1;

    /// <summary>Stops the threads. Nothing may be running.</summary>
    public void Dispose()
    {
        _team.End();
        GC.SuppressFinalize(this);
    }

    /// <summary>Runs all parts of <paramref name="job"/> and returns when the last is done; an exception of any part is thrown here.</summary>
    /// <exception cref="InvalidOperationException">A part of a job called it: the thread's scratch memory is in use, and the pool waits for that
    /// part.</exception>
    internal void Run<TJob>(ref TJob job) where TJob : struct, IJob
    {
        if (t_working)
            throw new InvalidOperationException("A job cannot run another job: one part of it would wait for all of them.");
        t_working = true;
        try
        {
            _team.Run(ref job);
        }
        finally
        {
            t_working = false;
            GC.KeepAlive(this);
        }
    }

    /// <summary>Runs a job of cheap rows: a single one here and now, several shared out.</summary>
    internal void RunRows<TJob>(ref TJob job, int rows) where TJob : struct, IJob
    {
        if (rows == 1)
            job.Execute(0, 1);
        else if (rows > 1)
            Run(ref job);
    }

    /// <summary>
    /// The half-open range of <paramref name="total"/> items that part <paramref name="part"/> of <paramref name="parts"/> does, in whole
    /// <paramref name="granule"/>s.
    /// </summary>
    internal static (int Begin, int End) Share(int total, int granule, int part, int parts)
    {
        long granules = ((long)total + granule - 1) / granule;
        return ((int)Math.Min(granules * part / parts * granule, total), (int)Math.Min(granules * (part + 1) / parts * granule, total));
    }

    /// <summary>A valid number of threads, or null for the default.</summary>
    internal static int? Checked(int? threads, string name) => threads is null or >= 1 and <= MostThreads ? threads
        : throw new ArgumentOutOfRangeException(name, threads, $"The number of threads is 1 to {MostThreads}.");

    /// <summary>What the threads of a pool share: the job, its number, and which workers have finished it.</summary>
    private sealed unsafe class Team
    {
        /// <summary>
        /// Iterations of the wait loop before a worker parks: about 50 µs, longer than any serial step between two kernels of a forward pass.
        /// </summary>
        private const int SpinsBeforeParking = 2000;

        private readonly Worker[] _workers;
        private readonly Lock _gate = new();
        private void* _job;
        private delegate*<void*, int, int, void> _execute;
        private int _ticket;
        private bool _ended;

        internal Team(int workers)
        {
            _workers = new Worker[workers];
            for (int i = 0; i < workers; i++)
                _workers[i] = new Worker();
        }

        internal int Workers => _workers.Length;

        internal void Start()
        {
            for (int i = 0; i < _workers.Length; i++)
            {
                Worker worker = _workers[i];
                int part = i + 1;
                new Thread(() => Work(worker, part), maxStackSize: 1 << 20) { IsBackground = true, Name = $"gpt-oss worker {part}" }.Start();
            }
        }

        internal void End()
        {
            lock (_gate)
            {
                if (_ended)
                    return;
                _ended = true;
                _execute = null;
                Announce();
            }
        }

        internal void Run<TJob>(ref TJob job) where TJob : struct, IJob
        {
            if (_workers.Length == 0)
            {
                ObjectDisposedException.ThrowIf(_ended, typeof(WorkerPool));
                job.Execute(0, 1);
                return;
            }
            lock (_gate)
            {
                ObjectDisposedException.ThrowIf(_ended, typeof(WorkerPool));
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
                        job.Execute(0, _workers.Length + 1);
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

        private static void ExecutePart<TJob>(void* job, int part, int parts) where TJob : struct, IJob =>
            Unsafe.AsRef<TJob>(job).Execute(part, parts);

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
            t_working = true;
            int done = 0;
            while (true)
            {
                AwaitTicketAfter(done, worker);
                done = Volatile.Read(ref _ticket);
                if (_execute is null)
                    return;
                try
                {
                    _execute(_job, part, _workers.Length + 1);
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
    }

    [System.Diagnostics.CodeAnalysis.SuppressMessage("Design", "CA1001",
        Justification = "A thread that ends may still be woken; its event goes with its finalizer.")]
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
