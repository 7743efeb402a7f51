using BenchmarkDotNet.Attributes;
using GptOss.Reference.Generation.Constraints;
using GptOss.Reference.Tokens;

namespace GptOss.Benchmarks;

/// <summary>How long does a new schema keep its request waiting? Compiling it, and the mask of the first token with it.</summary>
public class SchemaToFirstMask
{
    private readonly ulong[] _mask = new ulong[(Tokenizer.O200kHarmony.Count + 63) / 64];
    private int _next;

    /// <summary>Builds the trees of tokens, which happens once.</summary>
    [GlobalSetup]
    public void Setup() => new JsonBody(JsonSchema.Any, Tokenizer.O200kHarmony).Fill(_mask);

    /// <summary>The next schema of those that people wrote.</summary>
    [Benchmark(Baseline = true)]
    public JsonSchema Compile() => JsonSchema.Compile(SchemaTexts.All[_next++ % SchemaTexts.All.Length].Schema);

    /// <summary>The same, and its first mask.</summary>
    [Benchmark]
    public ulong CompileAndFirstMask()
    {
        Array.Clear(_mask);
        new JsonBody(Compile(), Tokenizer.O200kHarmony).Fill(_mask);
        return _mask[0];
    }

    /// <summary>How the times are spread, each schema once.</summary>
    [GlobalCleanup]
    public void Spread()
    {
        double[] times = Percentiles.Of(SchemaTexts.All.Length, i =>
        {
            Array.Clear(_mask);
            new JsonBody(JsonSchema.Compile(SchemaTexts.All[i].Schema), Tokenizer.O200kHarmony).Fill(_mask);
        });
        Console.WriteLine($"// schema to first mask: {Percentiles.Sentence(times)}");
    }
}
