using System.Text.Json;
using System.Text.RegularExpressions;
using GptOss.Cli.Options;
using GptOss.Reference.Chat;
using GptOss.Reference.Harmony;
using Xunit;

namespace GptOss.Reference.Tests.Chat;

/// <summary>The toy's recorded greedy continuations, reached through conversations: exact ids of prompt and answer.</summary>
public partial class RecordedChatTests(TinyModel tiny) : IClassFixture<TinyModel>
{
    private static readonly JsonElement[] Prompts = [.. Read(Path.Combine(TestData.Tiny, "prompts.json")).EnumerateArray()];
    private static readonly JsonElement[] Continuations =
        [.. Read(Path.Combine(TestData.Golden("tiny-greedy"), "manifest.json")).GetProperty("prompts").EnumerateArray()];

    public static TheoryData<string> Names => [.. Prompts.Select(prompt => prompt.GetProperty("name").GetString()!)];

    [Theory, MemberData(nameof(Names))]
    public async Task A_conversation_gives_the_recorded_ids(string name)
    {
        int index = Array.FindIndex(Prompts, prompt => prompt.GetProperty("name").GetString() == name);
        string text = Prompts[index].GetProperty("text").GetString()!;
        int[] prompt = Ids(Prompts[index].GetProperty("ids")),
            continuation = Ids(Continuations[index].GetProperty("f32").GetProperty("continuation"));
        Assert.Equal(prompt, Ids(Continuations[index].GetProperty("ids")));

        var parsed = HarmonyParser.Parse(tiny.Tokenizer,
            prompt.AsSpan(0, prompt.Length - tiny.Tokenizer.EncodeWithSpecials("<|start|>assistant").Length), null, ParsingMode.Strict);
        Message[] turns = [.. parsed.Messages.Where(message => message.Role is not (Role.System or Role.Developer))];
        string answer = turns[^1].Role == Role.Tool ? turns[^1].Text : "";
        Conversation conversation = tiny.Conversation(_ => Options(text, answer) with { Speculate = index % 3 * 4 });
        if (answer.Length > 0)
        {
            // Where the call stands as a rendered one, the loop would not have shown it so, and only the prompt can be compared.
            conversation.Replace(turns);
            if (prompt.AsSpan().SequenceEqual([.. conversation.LastTokens]))
                return;
            turns = [.. turns.TakeWhile(message => message.Role == Role.User)];
        }

        conversation.Replace(turns[..^1]);
        int[]? called = null;
        TurnResult result = await conversation.AskAsync(turns[^1].Text, TestContext.Current.CancellationToken).ToResultAsync(happened =>
        {
            if (happened is CallStarted)
                called = [.. conversation.LastTokens];
        });
        bool isCall = name.Contains("-call-", StringComparison.Ordinal);
        Assert.Equal([.. prompt, .. continuation], isCall ? called : conversation.LastTokens);
        Assert.Equal((TurnEnd.Answered, isCall || answer.Length > 0 ? 1 : 0), (result.End, result.Calls));
    }

    private static ConversationOptions Options(string text, string answer)
    {
        string? instructions = InstructionsPattern().Match(text) is { Success: true } found ? found.Groups["text"].Value : null;
        var tools = new List<ITool>();
        if (text.Contains("namespace functions", StringComparison.Ordinal))
            tools.Add(ScriptedTool.Weather(_ => answer.Length > 0 ? answer : """{"temperature": 20, "sky": "sunny"}"""));
        if (text.Contains("## python", StringComparison.Ordinal))
            tools.Add(ScriptedTool.Python(_ => "1234\n"));
        return TinyModel.Greedy with
        {
            System = new SystemContent
            {
                ConversationStartDate = DatePattern().Match(text).Groups["date"].Value,
                ReasoningEffort = Enum.Parse<ReasoningEffort>(EffortPattern().Match(text).Groups["effort"].Value, ignoreCase: true),
            },
            Instructions = instructions,
            Tools = tools,
        };
    }

    private static int[] Ids(JsonElement list) => [.. list.EnumerateArray().Select(id => id.GetInt32())];

    private static JsonElement Read(string path)
    {
        using var document = JsonDocument.Parse(File.ReadAllBytes(path));
        return document.RootElement.Clone();
    }

    [GeneratedRegex(@"Current date: (?<date>\S+)")]
    private static partial Regex DatePattern();

    [GeneratedRegex(@"Reasoning: (?<effort>\w+)")]
    private static partial Regex EffortPattern();

    [GeneratedRegex(@"# Instructions\n\n(?<text>.*?)(\n\n# Tools|<\|end\|>)", RegexOptions.Singleline)]
    private static partial Regex InstructionsPattern();
}
