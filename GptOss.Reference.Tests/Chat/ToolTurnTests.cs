using GptOss.Reference.Chat;
using GptOss.Reference.Harmony;
using Xunit;

namespace GptOss.Reference.Tests.Chat;

public class ToolTurnTests(TinyModel tiny) : IClassFixture<TinyModel>
{
    private const string Question = "What's the weather in Paris?", Sunny = """{"temperature": 21, "sky": "sunny"}""";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_function_is_called_its_answer_returned_and_the_model_goes_on_from_its_own_tokens()
    {
        ScriptedTool weather = ScriptedTool.Weather(_ => Sunny);
        Conversation conversation = With(weather);
        TurnResult turn = await conversation.AskAsync(Question, Cancellation).ToResultAsync();
        Assert.Equal("It is 21 degrees and sunny in Paris.", turn.Answer);
        Assert.Equal(["""{"location": "Paris"}"""], weather.Calls);
        Assert.Equal((TurnEnd.Answered, 1), (turn.End, turn.Calls));
        Assert.Equal(new Message(Role.Tool, Sunny) { Name = "functions.get_current_weather", Recipient = "assistant", Channel = "commentary" }, turn.Messages[3]);
        Assert.EndsWith(
            "<|start|>user<|message|>What's the weather in Paris?<|end|><|start|>assistant<|channel|>analysis<|message|>Need to call get_current_weather for Paris.<|end|>"
            + "<|start|>assistant<|channel|>commentary to=functions.get_current_weather <|constrain|>json<|message|>{\"location\": \"Paris\"}<|call|>"
            + "<|start|>functions.get_current_weather to=assistant<|channel|>commentary<|message|>{\"temperature\": 21, \"sky\": \"sunny\"}<|end|>"
            + "<|start|>assistant<|channel|>final<|message|>It is 21 degrees and sunny in Paris.<|return|>",
            tiny.Tokenizer.Decode([.. conversation.LastTokens]), StringComparison.Ordinal);
        // Of the open turn nothing was read twice: the answer's tokens and the call's end are all that was new.
        Assert.Equal(turn.PromptTokens + 1 + new HarmonyRenderer(tiny.Tokenizer).Render(turn.Messages[3]).Length
            + tiny.Tokenizer.EncodeWithSpecials("<|start|>assistant").Length, turn.ReadTokens);

        // Once finished it is rendered: the call stays, on commentary, and the analysis goes.
        await conversation.AskAsync("Who are you?", Cancellation).ToResultAsync();
        Assert.Contains(
            "Paris?<|end|><|start|>assistant to=functions.get_current_weather<|channel|>commentary <|constrain|>json<|message|>{\"location\": \"Paris\"}<|call|>",
            tiny.Tokenizer.Decode([.. conversation.LastTokens]), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Python_is_called_on_analysis_and_its_calls_go_with_the_finished_turn()
    {
        ScriptedTool python = ScriptedTool.Python(_ => "307681\n");
        Conversation conversation = With(python);
        TurnResult turn = await conversation.AskAsync("Use python to compute 913 * 337.", Cancellation).ToResultAsync();
        Assert.Equal("913 * 337 = 307681.", turn.Answer);
        Assert.Equal(["print(913 * 337)"], python.Calls);
        Assert.Equal("analysis", turn.Messages.Single(message => message.Role == Role.Tool).Channel);
        await conversation.AskAsync("Who are you?", Cancellation).ToResultAsync();
        Assert.DoesNotContain("print(913", tiny.Tokenizer.Decode([.. conversation.LastTokens]), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_tool_that_fails_is_an_answer_to_the_model()
    {
        Conversation conversation = With(ScriptedTool.Weather(_ => throw new InvalidOperationException("The station burned down.")));
        TurnResult turn = await conversation.AskAsync(Question, Cancellation).ToResultAsync();
        Assert.Equal("The tool functions.get_current_weather failed: The station burned down.", turn.Messages[3].Text);
        Assert.NotEqual(TurnEnd.Cancelled, turn.End);
        Assert.Equal(4, (await conversation.AskAsync(Question, Cancellation).ToResultAsync()).Messages.TakeWhile(message => message.Role != Role.Tool).Count() + 1);
    }

    [Fact]
    public async Task Nothing_runs_that_is_not_on_or_not_allowed()
    {
        ScriptedTool weather = ScriptedTool.Weather(_ => Sunny);
        Conversation conversation = With(new Deaf(weather));
        TurnResult turn = await conversation.AskAsync(Question, Cancellation).ToResultAsync();
        Assert.Equal("There is no tool named functions.get_current_weather. Available: functions.get_current_weather.", turn.Messages[3].Text);
        conversation = With(weather);
        var asked = new List<string>();
        conversation.Options = conversation.Options with
        {
            Allow = async (_, call, _) =>
            {
                await Task.Yield();
                asked.Add(call.Recipient!);
                return false;
            },
        };
        turn = await conversation.AskAsync(Question, Cancellation).ToResultAsync();
        Assert.Equal("The user did not allow the call to functions.get_current_weather. Do without it.", turn.Messages[3].Text);
        Assert.Equal("functions.get_current_weather", asked[0]);
        Assert.Empty(weather.Calls);
    }

    [Fact]
    public async Task Calls_have_a_bound()
    {
        ScriptedTool weather = ScriptedTool.Weather(_ => Sunny);
        Conversation conversation = With(weather);
        conversation.Options = conversation.Options with { MaxCalls = 0 };
        TurnResult turn = await conversation.AskAsync(Question, Cancellation).ToResultAsync();
        Assert.Equal((TurnEnd.TooManyCalls, 0), (turn.End, turn.Calls));
        Assert.Equal("This call was not run. The turn had to end.", turn.Messages[^1].Text);
        Assert.Empty(weather.Calls);
    }

    [Fact]
    public async Task A_stopped_tool_says_itself_what_became_of_its_call()
    {
        string text = (await StoppedAsync(async cancellation =>
        {
            await Task.Delay(Timeout.Infinite, cancellation).ContinueWith(_ => { }, TaskScheduler.Default);
            return "Half of it was done.";
        })).Text;
        Assert.Equal("Half of it was done.", text);
        Assert.Equal("The user stopped this call. It has no result and, by its own account, had no effect.",
            (await StoppedAsync(async cancellation =>
            {
                await Task.Delay(Timeout.Infinite, cancellation);
                return "";
            })).Text);
        Assert.Equal("The tool functions.get_current_weather failed after the user stopped it; it may have had an effect: The station burned down.",
            (await StoppedAsync(async cancellation =>
            {
                await Task.Delay(Timeout.Infinite, cancellation).ContinueWith(_ => { }, TaskScheduler.Default);
                throw new InvalidOperationException("The station burned down.");
            })).Text);
    }

    [Fact]
    public async Task Of_a_tool_that_does_not_stop_nothing_is_claimed_that_may_turn_out_wrong()
    {
        var release = new TaskCompletionSource();
        bool hasEffect = false;
        Message answer = await StoppedAsync(async _ =>
        {
            await release.Task;
            hasEffect = true;
            return "";
        }, grace: TimeSpan.FromMilliseconds(50));
        Assert.False(hasEffect);
        Assert.Equal("The user stopped this call. It has not ended, and it may have had an effect or have one later.", answer.Text);
        release.SetResult();
    }

    // The last message of a turn that is cancelled while its tool runs; the conversation can go on.
    private async Task<Message> StoppedAsync(Func<CancellationToken, Task<string>> tool, TimeSpan? grace = null)
    {
        using var cancel = new CancellationTokenSource();
        var started = new TaskCompletionSource();
        Conversation conversation = tiny.Conversation(options => options with
        {
            Tools = [ScriptedTool.Weather((_, cancellation) =>
            {
                started.SetResult();
                return tool(cancellation);
            })],
            StopGrace = grace ?? TimeSpan.FromMinutes(1),
        });
        Task<TurnResult> turn = conversation.AskAsync(Question, cancel.Token).ToResultAsync();
        await started.Task;
        cancel.Cancel();
        TurnResult result = await turn;
        Assert.Equal(TurnEnd.Cancelled, result.End);
        conversation.Options = conversation.Options with { Tools = [ScriptedTool.Weather(_ => Sunny)] };
        Assert.Equal("It is 21 degrees and sunny in Paris.", (await conversation.RetryAsync(Cancellation).ToResultAsync()).Answer);
        return result.Messages[^1];
    }

    [Fact]
    public async Task Whoever_is_asked_for_consent_may_end_the_turn_instead()
    {
        ScriptedTool weather = ScriptedTool.Weather(_ => Sunny);
        Conversation conversation = With(weather);
        conversation.Options = conversation.Options with { Allow = (_, _, _) => throw new OperationCanceledException() };
        TurnResult turn = await conversation.AskAsync(Question, Cancellation).ToResultAsync();
        Assert.Equal((TurnEnd.Cancelled, "This call was not run. The user stopped it before it began."), (turn.End, turn.Messages[^1].Text));
        Assert.Empty(weather.Calls);
    }

    [Fact]
    public async Task A_call_that_was_allowed_after_the_turn_was_cancelled_does_not_run()
    {
        using var cancel = new CancellationTokenSource();
        ScriptedTool weather = ScriptedTool.Weather(_ => Sunny);
        Conversation conversation = With(weather);
        conversation.Options = conversation.Options with
        {
            Allow = async (_, _, _) =>
            {
                await cancel.CancelAsync();
                return true;
            },
        };
        TurnResult turn = await conversation.AskAsync(Question, cancel.Token).ToResultAsync();
        Assert.Equal((TurnEnd.Cancelled, "This call was not run. The user stopped it before it began."), (turn.End, turn.Messages[^1].Text));
        Assert.Empty(weather.Calls);
    }

    [Fact]
    public async Task A_call_that_was_not_finished_is_none()
    {
        Conversation conversation = With(ScriptedTool.Weather(_ => Sunny));
        int whole = (await conversation.AskAsync(Question, Cancellation).ToResultAsync()).Messages.Count;
        Assert.Equal(5, whole);
        for (int tokens = 25; tokens < 48; tokens++)
        {
            conversation.Options = conversation.Options with { MaxTokens = tokens };
            TurnResult turn = (await conversation.RetryAsync(Cancellation).ToResultAsync());
            if (turn.End != TurnEnd.TooLong || turn.Calls > 0)
                continue;
            Assert.DoesNotContain(turn.Messages, message => MessageKinds.Of(message) == MessageKind.Call && message.Role == Role.Assistant);
        }
    }

    [Fact]
    public async Task An_answer_that_fills_the_context_ends_the_turn_and_the_next_one_leaves_it_out()
    {
        Conversation conversation = With(ScriptedTool.Weather(_ => new string('x', 4000)));
        conversation.Options = conversation.Options with { Context = 600 };
        TurnResult turn = await conversation.AskAsync(Question, Cancellation).ToResultAsync();
        Assert.Equal(TurnEnd.ContextFull, turn.End);
        conversation.Options = conversation.Options with { Tools = [ScriptedTool.Weather(_ => Sunny)] };
        turn = await conversation.AskAsync(Question, Cancellation).ToResultAsync();
        Assert.Equal(("It is 21 degrees and sunny in Paris.", 1), (turn.Answer, turn.ForgottenTurns));
    }

    private Conversation With(ITool tool) => tiny.Conversation(options => options with { Tools = [tool] });

    private sealed class Deaf(ITool tool) : ITool
    {
        public ToolNamespace Declaration => tool.Declaration;

        public bool IsFor(string recipient) => false;

        public Task<IReadOnlyList<ToolAnswer>> InvokeAsync(string recipient, string content, CancellationToken cancellation) => throw new InvalidOperationException();
    }
}
