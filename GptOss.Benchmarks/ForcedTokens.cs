using BenchmarkDotNet.Attributes;
using GptOss.Reference.Generation.Constraints;
using GptOss.Reference.Tokens;

namespace GptOss.Benchmarks;

/// <summary>What is saved where a schema leaves no choice, and what does it cost to know?</summary>
public class ForcedTokens
{
    private static readonly Tokenizer O200k = Tokenizer.O200kHarmony;
    private static readonly int Return = O200k.SpecialId("<|return|>")!.Value;

    private readonly JsonConstraint _atAKey = Begun("{\"type\":\"object\",\"properties\":{\"temperature\":{\"type\":\"number\"}},"
        + "\"required\":[\"temperature\"],\"additionalProperties\":false}", "{\"");

    private readonly JsonConstraint _inAString = Begun("{\"type\":\"string\"}", "\"The quick");

    /// <summary>Where the one key is certain.</summary>
    [Benchmark]
    public int AtAKey() => _atAKey.Forced().Count;

    /// <summary>Where nothing is.</summary>
    [Benchmark]
    public int InAString() => _inAString.Forced().Count;

    /// <summary>How many tokens of the recorded texts were certain.</summary>
    [GlobalCleanup]
    public void Share()
    {
        int forced = 0, all = 0;
        foreach ((string schema, int[] text) in SchemaTexts.All)
        {
            var constraint = new JsonConstraint(JsonSchema.Compile(schema), O200k, [Return]);
            for (int at = 0; at < text.Length;)
            {
                int certain = constraint.Forced().TakeWhile((id, i) => at + i < text.Length && text[at + i] == id).Count();
                forced += certain;
                for (int i = 0; i < Math.Max(certain, 1); i++)
                    constraint.Accept(text[at++]);
            }
            all += text.Length;
        }
        Console.WriteLine($"// forced: {forced} of {all} tokens, {100.0 * forced / all:F1} %");
    }

    private static JsonConstraint Begun(string schema, string text)
    {
        var constraint = new JsonConstraint(JsonSchema.Compile(schema), O200k, [Return]);
        foreach (int id in O200k.Encode(text))
            constraint.Accept(id);
        return constraint;
    }
}
