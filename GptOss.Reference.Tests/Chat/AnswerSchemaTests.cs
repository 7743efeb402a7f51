using System.Text.Json;
using GptOss.Reference.Chat;
using GptOss.Reference.Generation;
using GptOss.Reference.Generation.Constraints;
using GptOss.Reference.Harmony;
using Xunit;

namespace GptOss.Reference.Tests.Chat;

/// <summary>Conversations whose answers a schema binds.</summary>
public class AnswerSchemaTests(TinyModel tiny) : IClassFixture<TinyModel>
{
    private static readonly JsonElement City = JsonElement.Parse(
        """{"type": "object", "properties": {"city": {"type": "string", "maxLength": 12}}, "required": ["city"], "additionalProperties": false}""");

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Answers_follow_the_schema_in_every_turn_and_analysis_is_as_the_model_wants_it()
    {
        Conversation conversation = tiny.Conversation(options => options with { AnswerSchema = City });
        foreach (string question in (string[])["What is the capital of Norway?", "What is the capital of Kenya?"])
        {
            TurnResult turn = await conversation.AskAsync(question, Cancellation).ToResultAsync();
            Assert.Equal(TurnEnd.Answered, turn.End);
            Assert.InRange(JsonElement.Parse(turn.Answer).GetProperty("city").GetString()!.Length, 0, 12);
        }
        string shown = tiny.Tokenizer.Decode([.. conversation.LastTokens]);
        Assert.Contains("<|start|>developer<|message|># Response Formats\n\n## response\n\n{\"type\":\"object\",", shown, StringComparison.Ordinal);
        // The schema is a setting; what was said is kept without it.
        Assert.Equal(Role.User, conversation.Messages[1].Role);

        conversation.Options = conversation.Options with { AnswerSchema = null };
        Assert.DoesNotContain("Response Formats", tiny.Tokenizer.Decode([.. (await Next(conversation)).Prompt]), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("<|channel|>analysis<|message|>{not json<|end|><|start|>assistant<|channel|>commentary to=functions.get_current_weather "
        + "<|constrain|>json<|message|>{\"location\":\"Paris\"}<|call|>", true)]
    [InlineData("<|channel|>analysis to=python code<|message|>print(2 + 2)<|call|>", true)]
    [InlineData("<|channel|>commentary to=functions.apply_patch<|message|>*** Begin Patch\n*** End Patch<|call|>", true)]
    [InlineData("<|channel|>commentary<|message|>I will look.<|end|><|start|>assistant<|channel|>final<|message|>{\"city\":\"\"}<|return|>", true)]
    [InlineData("<|channel|>commentary to=functions.other<|message|>{}<|call|>", false)]
    [InlineData("<|channel|>final<|message|>Paris<|return|>", false)]
    public void Calls_of_the_tools_that_are_on_stay_free_and_the_answer_is_bound(string turn, bool isAllowed)
    {
        var patch = new ScriptedTool(new ToolNamespace("functions", null,
            [new ToolDescription("apply_patch", "Patches.", JsonElement.Parse("""{"type": "string"}"""))]), (_, _, _) => Task.FromResult(""));
        HarmonyRules rules = AnswerRules.Of(City, [ScriptedTool.Weather(_ => ""), ScriptedTool.Python(_ => ""), patch]);
        var constraint = new HarmonyConstraint(rules, tiny.Tokenizer);
        void Take()
        {
            foreach (int id in tiny.Tokenizer.EncodeWithSpecials(turn))
                constraint.Accept(id);
        }
        if (isAllowed)
            Take();
        else
            Assert.Throws<ArgumentException>(Take);
        Assert.Equal(isAllowed, constraint.IsComplete);
    }

    [Fact]
    public async Task An_answer_that_its_budget_would_cut_is_closed_where_that_is_asked_for()
    {
        var schema = JsonElement.Parse("""{"type": "array", "items": {"type": "string"}, "minItems": 2}""");
        Conversation conversation = tiny.Conversation(options => options with { AnswerSchema = schema, CloseOnBudget = true, MaxTokens = 30 });
        TurnResult turn = await conversation.AskAsync("Count.", Cancellation).ToResultAsync();
        Assert.InRange(JsonElement.Parse(turn.Answer).GetArrayLength(), 2, 30);
        Assert.InRange(turn.WrittenTokens, 1, 30);
    }

    [Fact]
    public async Task An_answer_that_cannot_be_closed_within_its_budget_fails_the_turn_and_leaves_the_conversation_as_it_was()
    {
        var schema = JsonElement.Parse("""{"type": "array", "items": {"const": "Oslo"}, "minItems": 20}""");
        Conversation conversation = tiny.Conversation(options => options with { AnswerSchema = schema, CloseOnBudget = true, MaxTokens = 30 });
        BudgetException refused =
            await Assert.ThrowsAsync<BudgetException>(async () => await conversation.AskAsync("Count.", Cancellation).ToResultAsync());
        Assert.Equal((0, 30), (conversation.Turns, refused.Allowed));
        conversation.Options = conversation.Options with { MaxTokens = refused.Needed };
        TurnResult turn = await conversation.AskAsync("Count.", Cancellation).ToResultAsync();
        Assert.Equal(20, JsonElement.Parse(turn.Answer).GetArrayLength());
    }

    [Fact]
    public async Task Behind_a_tool_that_leaves_no_room_for_a_whole_answer_the_turn_ends_as_one_that_fills_its_context()
    {
        var schema = JsonElement.Parse("""{"type": "array", "items": {"const": "Oslo"}, "minItems": 100}""");
        Conversation conversation = tiny.Conversation(options => options with
        {
            AnswerSchema = schema, CloseOnBudget = true, Tools = [ScriptedTool.Weather(_ => string.Concat(Enumerable.Repeat("rain, ", 100)))],
            Context = 1000,
        });
        TurnResult turn = await conversation.AskAsync("What's the weather in Paris?", Cancellation).ToResultAsync();
        Assert.Equal((TurnEnd.ContextFull, 1, ""), (turn.End, turn.Calls, turn.Answer));
    }

    [Fact]
    public void A_schema_that_cannot_be_kept_is_refused_when_it_is_set_and_changes_nothing()
    {
        Conversation conversation = tiny.Conversation();
        ConversationOptions bad = conversation.Options with { AnswerSchema = JsonElement.Parse("""{"contains": {"minimum": 1}}""") };
        Assert.Throws<JsonSchemaException>(() => conversation.Options = bad);
        Assert.Null(conversation.Options.AnswerSchema);
    }

    private static async Task<(int[] Prompt, TurnResult Turn)> Next(Conversation conversation)
    {
        TurnResult turn = await conversation.AskAsync("What is the capital of Norway?", Cancellation).ToResultAsync();
        return ([.. conversation.LastTokens], turn);
    }
}
