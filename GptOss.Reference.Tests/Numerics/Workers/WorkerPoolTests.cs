using System.Diagnostics;
using GptOss.Reference.Numerics.Workers;
using Xunit;

namespace GptOss.Reference.Tests.Numerics.Workers;

public class WorkerPoolTests
{
    [Fact]
    public void Every_part_runs_exactly_once_however_many_workers_there_are()
    {
        for (int threads = 1; threads <= 33; threads++)
        {
            using WorkerPool pool = new(threads);
            Assert.Equal(threads, pool.Count);
            int[] runs = new int[64];
            for (int round = 1; round <= 20; round++)
            {
                Counting job = new(runs);
                pool.Run(ref job);
                for (int part = 0; part < runs.Length; part++)
                    Assert.Equal(part < threads ? round : 0, runs[part]);
            }
        }
    }

    [Fact]
    public void Thousands_of_tiny_jobs_take_little_time_even_on_more_workers_than_cores()
    {
        foreach (int threads in new[] { 2, 5 })
        {
            using WorkerPool pool = new(threads);
            int[] runs = new int[64];
            var watch = Stopwatch.StartNew();
            for (int i = 0; i < 5000; i++)
            {
                Counting job = new(runs);
                pool.Run(ref job);
            }
            Assert.Equal(5000 * threads, runs.Sum());
            // a lost wake-up would take for ever
            Assert.True(watch.Elapsed < TimeSpan.FromSeconds(20), $"5000 jobs on {threads} workers took {watch.Elapsed}.");
        }
    }

    [Fact]
    public void Workers_that_have_parked_wake_for_the_next_job()
    {
        using WorkerPool pool = new(3);
        int[] runs = new int[64];
        for (int i = 1; i <= 5; i++)
        {
            Thread.Sleep(20);      // long past the moment of spinning
            Counting job = new(runs);
            pool.Run(ref job);
            Assert.Equal(3 * i, runs.Sum());
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(3)]
    public void An_exception_of_any_part_reaches_the_caller_and_the_pool_still_works(int failing)
    {
        using WorkerPool pool = new(4);
        for (int round = 0; round < 3; round++)
        {
            int[] runs = new int[64];
            Counting job = new(runs, failing);
            Assert.Equal($"part {failing}", Assert.Throws<InvalidOperationException>(() => Run(pool, job)).Message);
            Assert.Equal([1, 1, 1, 1], runs[..4]);      // the others were not cut short
            Counting sound = new(runs);
            pool.Run(ref sound);
            Assert.Equal([2, 2, 2, 2], runs[..4]);
        }
    }

    [Fact]
    public void Several_callers_take_turns()
    {
        using WorkerPool pool = new(3);
        int[] runs = new int[64];
        Parallel.For(0, 400, new ParallelOptions { MaxDegreeOfParallelism = 4 }, _ => Run(pool, new Counting(runs)));
        Assert.Equal([400, 400, 400, 0], runs[..4]);
    }

    [Fact]
    public void A_pool_can_be_disposed_at_once_while_spinning_or_parked_and_twice()
    {
        new WorkerPool(4).Dispose();
        using WorkerPool parked = new(4);
        Run(parked, new Counting(new int[64]));
        Thread.Sleep(50);
        parked.Dispose();
        Assert.Throws<ObjectDisposedException>(() => Run(parked, new Counting(new int[64])));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void A_job_that_runs_another_is_refused_in_any_part_and_the_pools_still_work(int threads)
    {
        using WorkerPool pool = new(threads), other = new(2);
        for (int part = 0; part < threads; part++)
        {
            foreach (WorkerPool inner in new[] { pool, other })
            {
                Assert.Equal("A job cannot run another job: one part of it would wait for all of them.",
                    Assert.Throws<InvalidOperationException>(() => Nest(pool, inner, part)).Message);
            }
        }
        int[] runs = new int[64];
        Run(pool, new Counting(runs));
        Run(other, new Counting(runs));
        Assert.Equal(threads + 2, runs.Sum());
    }

    [Fact]
    public void The_number_of_threads_is_checked()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new WorkerPool(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => new WorkerPool(1025));
    }

    [Fact]
    public void Shares_cover_everything_once_in_whole_granules()
    {
        foreach (int total in new[] { 0, 1, 5, 16, 100, int.MaxValue })
        {
            foreach (int granule in new[] { 1, 4, 16 })
            {
                foreach (int parts in new[] { 1, 2, 3, 7, 1024 })
                {
                    int at = 0;
                    for (int part = 0; part < parts; part++)
                    {
                        (int begin, int end) = WorkerPool.Share(total, granule, part, parts);
                        Assert.Equal(at, begin);
                        Assert.True(end >= begin && (end % granule == 0 || end == total));
                        at = end;
                    }
                    Assert.Equal(total, at);
                }
            }
        }
    }

    private static void Run(WorkerPool pool, Counting job) => pool.Run(ref job);

    private static void Nest(WorkerPool outer, WorkerPool inner, int part)
    {
        Nesting job = new(inner, part);
        outer.Run(ref job);
    }

    private readonly struct Nesting(WorkerPool inner, int asking) : IJob
    {
        public void Execute(int part, int parts)
        {
            if (part == asking)
                WorkerPoolTests.Run(inner, new Counting(new int[64]));
        }
    }

    private readonly struct Counting(int[] runs, int failing = -1) : IJob
    {
        public void Execute(int part, int parts)
        {
            Interlocked.Increment(ref runs[part]);
            if (part == failing)
                throw new InvalidOperationException($"part {part}");
        }
    }
}
