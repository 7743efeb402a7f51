using BenchmarkDotNet.Attributes;
using GptOss.Reference.Tokens;

namespace GptOss.Benchmarks;

/// <summary>How fast is text encoded? Ordinary prose, and one piece that has no place to cut.</summary>
public class TokenizerSpeed
{
    private readonly Tokenizer _tokenizer = Tokenizer.O200kHarmony;
    private readonly string _prose = string.Concat(Enumerable.Repeat("The quick brown fox jumps over the lazy dog, and 42 cats don't care. ", 1000));
    private readonly string _onePiece = new('x', 100_000);

    /// <summary>69,000 characters of prose.</summary>
    [Benchmark]
    public int Prose() => _tokenizer.Encode(_prose).Length;

    /// <summary>100,000 times the same letter.</summary>
    [Benchmark]
    public int OnePiece() => _tokenizer.Encode(_onePiece).Length;
}
