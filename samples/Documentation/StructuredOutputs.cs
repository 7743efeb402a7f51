using System.Text.Json;
using GptOss.Reference.Chat;
using GptOss.Reference.Generation;
using GptOss.Reference.Generation.Constraints;
using GptOss.Reference.Harmony;
using GptOss.Reference.Model;
using GptOss.Reference.Tokens;

namespace Documentation;

/// <summary>docs/structured-outputs.md.</summary>
public static class StructuredOutputs
{
    public static async Task<JsonElement[]> ConverseAsync(string checkpoint)
    {
        using var model = Transformer.Load(checkpoint);
        Tokenizer tokenizer = model.Checkpoint.Tokenizer;

        var schema = JsonElement.Parse("""{"type": "array", "items": {"enum": ["Oslo", "Paris", "Rome"]}, "minItems": 1, "uniqueItems": true}""");
        Conversation conversation = new(model, tokenizer, new ConversationOptions { AnswerSchema = schema });
        TurnResult turn = await conversation.AskAsync("Which of these are capitals?").ToResultAsync();
        JsonElement[] cities = [.. JsonElement.Parse(turn.Answer).EnumerateArray()];
        return cities;
    }

    public static GenerationResult Call(string checkpoint)
    {
        using var model = Transformer.Load(checkpoint);
        Tokenizer tokenizer = model.Checkpoint.Tokenizer;
        int[] prompt = PublishedPrompt.Build(tokenizer, "What is the weather in Paris?", date: new DateOnly(2026, 11, 24));

        var weather = JsonSchema.Compile("""{"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]}""");
        HarmonyRules rules = new() { Calls = [new HarmonyCall("functions.get_weather", weather)], MayAnswer = false };
        GenerationOptions options = new() { Constraint = new HarmonyConstraint(rules, tokenizer), CloseOnBudget = true, MaxTokens = 100 };
        GenerationResult call = new Generator(model, tokenizer).Generate(prompt, options);
        return call;
    }
}
