using GptOss.Reference.Generation;
using GptOss.Reference.Generation.Constraints;
using GptOss.Reference.Harmony;
using GptOss.Reference.Model;
using GptOss.Reference.Tokens;

namespace Documentation;

/// <summary>docs/structured-outputs.md.</summary>
public static class StructuredOutputs
{
    public static string Run(string checkpoint, string schemaFile)
    {
        using var model = Transformer.Load(checkpoint);
        Tokenizer tokenizer = model.Checkpoint.Tokenizer;
        int[] prompt = PublishedPrompt.Build(tokenizer, "What is the capital of Norway?", date: new DateOnly(2026, 11, 24));
        GenerationOptions options = new() { StopTokens = StopTokens.For(model, tokenizer), MaxTokens = 200 };

        var schema = JsonSchema.Compile(File.ReadAllText(schemaFile));        // JsonSchemaException: refused
        var constraint = new HarmonyConstraint(new HarmonyRules { Answer = schema }, tokenizer);
        GenerationResult answer = new Generator(model, tokenizer).Generate(prompt, options with { Constraint = constraint });
        return FinalChannel.Extract(tokenizer, [.. answer.Ids]);
    }
}
