using BenchmarkDotNet.Attributes;
using GptOss.Reference.Generation.Constraints.Masks;
using GptOss.Reference.Tokens;

namespace GptOss.Benchmarks;

/// <summary>What does the first schema of a process cost once? The trees of o200k's tokens, in time and memory.</summary>
public class TreesOfTokens
{
    private static readonly Tokenizer O200k = Tokenizer.O200kHarmony;

    /// <summary>All of them.</summary>
    [Benchmark]
    public object Build() => new Vocabulary(O200k);

    /// <summary>What stays.</summary>
    [GlobalCleanup]
    public void Kept()
    {
        long before = GC.GetTotalMemory(forceFullCollection: true);
        var kept = new Vocabulary(O200k);
        Console.WriteLine($"// trees of tokens keep {(GC.GetTotalMemory(forceFullCollection: true) - before) / 1e6:F1} MB");
        GC.KeepAlive(kept);
    }
}
