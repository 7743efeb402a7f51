using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Diagnosers;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using GptOss.Benchmarks;

// Recorded texts instead of a clock: what is guessed right depends on the text alone.
if (args is ["speculation"])
{
    SpeculationTexts.Print(Console.Out);
    return;
}

// A table of its own: what streams of weights lose in place.
if (args is ["footprint", ..])
{
    Footprint.Print(args.AsSpan(1), Console.Out);
    return;
}

// One class a question; --filter '*ExpertMatVec*' asks one of them. See README.md for how to get a number worth quoting.
IConfig config = DefaultConfig.Instance
    .AddJob(Job.ShortRun.WithWarmupCount(3).WithIterationCount(7))
    .AddDiagnoser(MemoryDiagnoser.Default)
    .AddColumn(new ThroughputColumn("GB/s", work => work.BytesRead), new ThroughputColumn("GFLOP/s", work => work.Operations))
    .HideColumns(Column.Error, Column.StdDev, Column.RatioSD);
BenchmarkSwitcher.FromAssembly(typeof(ThroughputColumn).Assembly).Run(args, config);
