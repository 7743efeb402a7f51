using GptOss.Reference.Chat;
using GptOss.Reference.Generation;
using GptOss.Reference.Harmony;
using GptOss.Reference.Model;
using GptOss.Reference.Model.Hooks;
using GptOss.Reference.Numerics;
using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Oracle.Defects;
using Xunit;

namespace GptOss.Reference.Tests.Chat;

/// <summary>A turn as a stream: who waits for whom, and what is left when it is not read to its end.</summary>
public class TurnStreamTests(TinyModel tiny) : IClassFixture<TinyModel>
{
    private const string Question = "What is the capital of Norway?", Weather = "What's the weather in Paris?";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_caller_is_not_held_while_the_model_works()
    {
        // Someone else's pass keeps the model busy; what the turn does on the caller's thread would wait for it.
        using var isBusy = new ManualResetEventSlim();
        using var mayEnd = new ManualResetEventSlim();
        var hooks = new ForwardHooks
        {
            Residual = (_, _, _, _) =>
            {
                isBusy.Set();
                mayEnd.Wait(TimeSpan.FromMinutes(1), CancellationToken.None);
            },
        };
        var other = Task.Run(() => hooks.Forward(tiny.Model, new BatchItem(tiny.Model.NewSequence(), (int[])[1], LogitRows.None), new LogitsBuffer()),
            Cancellation);
        isBusy.Wait(Cancellation);
        try
        {
            await using IAsyncEnumerator<ConversationEvent> turn = tiny.Conversation().AskAsync(Question, Cancellation)
                .GetAsyncEnumerator(Cancellation);
            Task<bool> next;
            do
            {
                // Every call comes back at once, with an event or with a promise of one.
                next = (await Task.Run(() => turn.MoveNextAsync(), Cancellation).WaitAsync(TimeSpan.FromSeconds(30), Cancellation)).AsTask();
            }
            while (await Task.WhenAny(next, Task.Delay(500, Cancellation)) == next);
            Assert.False(other.IsCompleted);
            mayEnd.Set();
            Assert.True(await next);
            await other;
        }
        finally
        {
            mayEnd.Set();
        }
    }

    [Fact]
    public async Task A_turn_cannot_be_entered_while_it_goes_on()
    {
        Conversation conversation = tiny.Conversation();
        IAsyncEnumerable<ConversationEvent> second = conversation.AskAsync("Who are you?", Cancellation);
        int refused = 0;
        TurnResult turn = await conversation.AskAsync(Question, Cancellation).ToResultAsync(happened =>
        {
            if (happened is not MessageWritten)
                return;
            refused++;
            Assert.Throws<InvalidOperationException>(() => conversation.AskAsync("Who are you?"));
            Assert.Throws<InvalidOperationException>(() => conversation.RetryAsync());
            Assert.Throws<InvalidOperationException>(conversation.Undo);
            Assert.Throws<InvalidOperationException>(() => conversation.Replace([]));
            Assert.Throws<InvalidOperationException>(() => conversation.Options = conversation.Options);
            Assert.Throws<InvalidOperationException>(() => second.ToResultAsync().GetAwaiter().GetResult());
        });
        Assert.Equal(2, refused);
        Assert.Equal("The capital of Norway is Oslo.", turn.Answer);
        Assert.Equal(1, conversation.Turns);
        Assert.Equal(turn.Messages, conversation.Messages.Skip(1));
        Assert.NotEmpty((await second.ToResultAsync()).Answer);
        Assert.Equal(2, conversation.Turns);
    }

    [Fact]
    public async Task A_turn_whose_events_are_no_longer_read_is_kept_as_far_as_it_came()
    {
        Conversation conversation = tiny.Conversation();
        int tokens = 0;
        await foreach (ConversationEvent happened in conversation.AskAsync(Question, Cancellation))
        {
            if (happened is TokenWritten && ++tokens == 20)
                break;
        }
        Conversation stopped = tiny.Conversation();
        using var cancel = new CancellationTokenSource();
        tokens = 0;
        await stopped.AskAsync(Question, cancel.Token).ToResultAsync(happened =>
        {
            if (happened is TokenWritten && ++tokens == 20)
                cancel.Cancel();
        });
        Assert.Equal(stopped.Messages, conversation.Messages);
        Assert.Equal(stopped.LastTokens, conversation.LastTokens);
        Assert.Equal((await stopped.AskAsync("Who are you?", Cancellation).ToResultAsync()).Messages,
            (await conversation.AskAsync("Who are you?", Cancellation).ToResultAsync()).Messages);
    }

    [Fact]
    public async Task A_call_that_was_announced_and_not_waited_for_is_not_run_and_has_an_answer()
    {
        var weather = ScriptedTool.Weather(_ => "{}");
        Conversation conversation = tiny.Conversation(options => options with { Tools = [weather] });
        await foreach (ConversationEvent happened in conversation.AskAsync(Weather, Cancellation))
        {
            if (happened is CallStarted)
                break;
        }
        Assert.Empty(weather.Calls);
        Assert.Equal((Role.Tool, "This call was not run. The user stopped it before it began."),
            (conversation.Messages[^1].Role, conversation.Messages[^1].Text));
        Assert.NotEmpty((await conversation.AskAsync(Question, Cancellation).ToResultAsync()).Answer);
    }

    [Fact]
    public async Task A_retry_that_fails_leaves_everything_as_it_was()
    {
        bool fails = false;
        Conversation conversation = tiny.Conversation(options => options with
        {
            Tools = [ScriptedTool.Weather(_ => "{}")],
            Context = 400,
            Sampling = options.Sampling with { Temperature = 0.5, Seed = 3 },
            Allow = (_, _, _) => fails ? throw new InvalidOperationException("No one is there.") : Task.FromResult(true),
        });
        for (int turn = 0; turn < 3; turn++)
            await conversation.AskAsync(Weather, Cancellation).ToResultAsync();
        Message[] messages = [.. conversation.Messages];
        (int turns, int forgotten, int[] tokens) = (conversation.Turns, conversation.ForgottenTurns, [.. conversation.LastTokens]);
        Assert.True(forgotten > 0, "Nothing was forgotten.");
        fails = true;
        await Assert.ThrowsAsync<InvalidOperationException>(() => conversation.RetryAsync(Cancellation).ToResultAsync());
        await Assert.ThrowsAsync<InvalidOperationException>(() => conversation.AskAsync(Weather, Cancellation).ToResultAsync());
        Assert.Equal(messages, conversation.Messages);
        Assert.Equal((turns, forgotten), (conversation.Turns, conversation.ForgottenTurns));
        Assert.Equal(tokens, conversation.LastTokens);

        // The draw of the failed retry is not used up either.
        fails = false;
        string after = MessageJson.Text((await conversation.RetryAsync(Cancellation).ToResultAsync()).Messages[^1]);
        Conversation fresh = tiny.Conversation(_ => conversation.Options);
        fresh.Replace(messages[2..]);
        Assert.Equal(after, MessageJson.Text((await fresh.RetryAsync(Cancellation).ToResultAsync()).Messages[^1]));
    }

    [Fact]
    public async Task A_retry_that_fails_uses_up_no_draw()
    {
        Conversation Drawing() => tiny.Conversation(options => options with
        {
            Sampling = new() { Temperature = 3, Seed = 1 },
            MaxTokens = 8,
        });
        Conversation failed = Drawing(), other = Drawing();
        await failed.AskAsync("Hi.", Cancellation).ToResultAsync();
        await other.AskAsync("Hi.", Cancellation).ToResultAsync();
        ConversationOptions options = failed.Options;
        failed.Options = options with { Context = 16 };
        await Assert.ThrowsAsync<PromptException>(() => failed.RetryAsync(Cancellation).ToResultAsync());
        failed.Options = options;
        await failed.RetryAsync(Cancellation).ToResultAsync();
        await other.RetryAsync(Cancellation).ToResultAsync();
        Assert.Equal(other.LastTokens, failed.LastTokens);
        await other.RetryAsync(Cancellation).ToResultAsync();
        Assert.NotEqual(other.LastTokens, failed.LastTokens);
    }

    [Fact]
    public async Task A_pass_is_cancelled_inside_both_where_it_reads_and_where_it_writes()
    {
        foreach (int tokensBefore in new[] { 0, 5 })
        {
            using var cancel = new CancellationTokenSource();
            bool isArmed = tokensBefore == 0;
            int norms = 0;
            void Norm()
            {
                // Two norms a layer: this one is in the second layer.
                if (isArmed && ++norms == 3)
                    cancel.Cancel();
            }

            using Transformer watched = tiny.Model.With(
                new ModelVariant { Kernels = kernels => kernels with { RowWise = new Watched(kernels, Norm) } });
            var conversation = new Conversation(watched, tiny.Tokenizer, TinyModel.Greedy);
            int tokens = 0;
            TurnResult turn = await conversation.AskAsync(Question, cancel.Token).ToResultAsync(happened =>
            {
                if (happened is TokenWritten && ++tokens == tokensBefore)
                    isArmed = true;
            });
            Assert.Equal((TurnEnd.Cancelled, tokensBefore), (turn.End, turn.WrittenTokens));
            Assert.True(norms < 2 * tiny.Model.Config.NumHiddenLayers, $"{norms} norms: the pass ran to its end.");
            isArmed = false;
            Assert.Equal("The capital of Norway is Oslo.", (await conversation.RetryAsync(Cancellation).ToResultAsync()).Answer);
        }
    }

    private sealed class Watched(Kernels inner, Action norm) : RowWiseDecorator(inner)
    {
        internal override void RmsNorm(Rows x, ReadOnlySpan<float> gain, float eps, Rows output)
        {
            norm();
            base.RmsNorm(x, gain, eps, output);
        }
    }

    [Fact]
    public async Task The_last_event_is_the_turns_end_and_events_without_it_are_not_a_turn()
    {
        List<ConversationEvent> events = await tiny.Conversation().AskAsync(Question, Cancellation).ToListAsync(Cancellation);
        Assert.Equal("The capital of Norway is Oslo.", Assert.IsType<TurnEnded>(events[^1]).Result.Answer);
        Assert.Single(events, happened => happened is TurnEnded);
        await Assert.ThrowsAsync<ArgumentException>(() => AsyncEnumerable.Empty<ConversationEvent>().ToResultAsync());
    }
}
