#pragma warning disable xUnit1051 // The samples are those of the page, to the letter.
using System.Text.Json;
using System.Text.RegularExpressions;
using GptOss.Reference.Chat;
using GptOss.Reference.Generation;
using GptOss.Reference.Generation.Constraints;
using GptOss.Reference.Harmony;
using GptOss.Reference.Model;
using GptOss.Reference.Tests.TestPlatform;
using GptOss.Reference.Tokens;
using Xunit;

namespace GptOss.Reference.Tests;

/// <summary>What docs/structured-outputs.md shows, run.</summary>
public partial class StructuredOutputsPageTests
{
    private static string Page
    {
        get
        {
            Assert.SkipWhen(Repository.Root is null, "The sources are not here.");
            return File.ReadAllText(Path.Combine(Repository.Root!, "docs", "structured-outputs.md"));
        }
    }

    [Fact]
    public async Task The_samples_do_what_the_page_says()
    {
        using var model = Transformer.Load(TestData.Tiny);
        Tokenizer tokenizer = model.Checkpoint.Tokenizer;
        int[] prompt = PublishedPrompt.Build(tokenizer, "What is the weather in Paris?", date: new DateOnly(2026, 11, 24));

        var schema = JsonElement.Parse("""{"type": "array", "items": {"enum": ["Oslo", "Paris", "Rome"]}, "minItems": 1, "uniqueItems": true}""");
        Conversation conversation = new(model, tokenizer, new ConversationOptions { AnswerSchema = schema });
        TurnResult turn = await conversation.AskAsync("Which of these are capitals?").ToResultAsync();
        JsonElement[] cities = [.. JsonElement.Parse(turn.Answer).EnumerateArray()];

        Assert.InRange(cities.Length, 1, 3);

        var weather = JsonSchema.Compile("""{"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]}""");
        HarmonyRules rules = new() { Calls = [new HarmonyCall("functions.get_weather", weather)], MayAnswer = false };
        GenerationOptions options = new() { Constraint = new HarmonyConstraint(rules, tokenizer), CloseOnBudget = true, MaxTokens = 100 };
        GenerationResult call = new Generator(model, tokenizer).Generate(prompt, options);

        Assert.Contains("to=functions.get_weather", call.Text, StringComparison.Ordinal);
        Assert.True(call.ClosesOnBudget);
    }

    [Fact]
    public void The_samples_of_the_page_are_those()
    {
        string page = Page, test = Path.Combine(Repository.Root!, "GptOss.Reference.Tests", "StructuredOutputsPageTests.cs");
        string lines = Spaces().Replace(File.ReadAllText(test), " ");
        string[] samples = [.. Samples().Matches(page).Select(sample => Spaces().Replace(sample.Groups[1].Value, " ").Trim())];
        Assert.Equal(2, samples.Length);
        Assert.All(samples, sample => Assert.Contains(sample, lines, StringComparison.Ordinal));
    }

    [Fact]
    public void What_the_page_says_is_refused_is_refused()
    {
        string refused = Page[Page.IndexOf("| refused |", StringComparison.Ordinal)..Page.IndexOf("## The text", StringComparison.Ordinal)];
        string[] schemas = [.. Schemas().Matches(refused).Select(schema => schema.Groups[1].Value)];
        Assert.InRange(schemas.Length, 10, 20);
        Assert.All(schemas, schema => Assert.NotNull(Assert.Throws<JsonSchemaException>(() => JsonSchema.Compile(schema)).Keyword));
    }

    [GeneratedRegex("```csharp\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex Samples();

    [GeneratedRegex("`(\\{.*?\\})`")]
    private static partial Regex Schemas();

    [GeneratedRegex("\\s+")]
    private static partial Regex Spaces();
}
