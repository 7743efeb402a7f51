using BenchmarkDotNet.Attributes;
using GptOss.Reference.Generation;
using GptOss.Reference.Generation.Constraints;
using GptOss.Reference.Tokens;

namespace GptOss.Benchmarks;

/// <summary>Does a mask make choosing dearer? The largest of 201,088 logits, of all and of those that a string allows.</summary>
public class ChoiceUnderAMask
{
    private readonly Sampler _sampler = new();
    private readonly float[] _logits = new float[Tokenizer.O200kHarmony.Count];
    private readonly ulong[] _mask = new ulong[(Tokenizer.O200kHarmony.Count + 63) / 64];

    /// <summary>Logits as a model's, and the mask inside a string.</summary>
    [GlobalSetup]
    public void Setup()
    {
        var random = new Random(1);
        for (int i = 0; i < _logits.Length; i++)
            _logits[i] = (float)(random.NextDouble() * 30 - 20);
        var body = new JsonBody(JsonSchema.Any, Tokenizer.O200kHarmony);
        body.TryAccept("\""u8);
        body.Fill(_mask);
    }

    /// <summary>Of all.</summary>
    [Benchmark(Baseline = true)]
    public int Unmasked() => _sampler.Choose(_logits, default, 0);

    /// <summary>Of the allowed ones.</summary>
    [Benchmark]
    public int Masked() => _sampler.Choose(_logits, default, 0, _mask);
}
