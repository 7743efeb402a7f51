using System.Text.Json;
using GptOss.Reference.Checkpoints.Safetensors;
using GptOss.Reference.Checkpoints.Storage;
using GptOss.Reference.Generation;
using GptOss.Reference.Harmony;
using GptOss.Reference.Model;
using GptOss.Reference.Model.Stages;
using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Oracle.Synthetic;
using GptOss.Reference.Tests.Checkpoints;
using GptOss.Reference.Tests.Model;
using GptOss.Reference.Tokens;
using Xunit;

namespace GptOss.Reference.Tests.Generation;

public sealed class GeneratorTests : IDisposable
{
    private readonly Transformer _model = Transformer.Load(TestData.Tiny);
    private readonly Tokenizer _tokenizer = Tokenizer.ForCheckpoint(TestData.Tiny);
    private readonly Generator _generator;

    public GeneratorTests() => _generator = new(_model, _tokenizer);

    public void Dispose() => _model.Dispose();

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(20)]
    [InlineData(45)]
    public void Greedy_text_is_the_reference_s(int prompt)
    {
        using JsonDocument manifest = JsonDocument.Parse(File.ReadAllText(Path.Combine(TestData.Golden("tiny-greedy"), "manifest.json")));
        JsonElement entry = manifest.RootElement.GetProperty("prompts")[prompt];
        GenerationResult result = _generator.Generate(Ints(entry.GetProperty("ids")), Greedy(512), cancellation: TestContext.Current.CancellationToken);
        Assert.Equal(Ints(entry.GetProperty("f32").GetProperty("continuation")), result.Ids);
        Assert.Equal(FinishReason.Stop, result.FinishReason);
        Assert.Equal(_tokenizer.Decode([.. result.Ids.SkipLast(1)]), result.Text);
    }

    [Fact]
    public void Shown_text_and_the_rest_are_the_text()
    {
        var shown = new System.Text.StringBuilder();
        var ids = new List<int>();
        GenerationResult result = _generator.Generate(Prompt(), Greedy(40), tokenChosen: token =>
        {
            shown.Append(token.Text);
            ids.Add(token.Id);
        }, cancellation: TestContext.Current.CancellationToken);
        Assert.Equal(result.Text, shown + result.Rest);
        Assert.Equal(result.Ids, ids);
    }

    [Fact]
    public void A_seed_gives_one_text_and_another_seed_another()
    {
        string[] texts = [.. new ulong[] { 7, 7, 8 }.Select(seed => _generator.Generate(Prompt(), Sampled(seed), cancellation: TestContext.Current.CancellationToken).Text)];
        Assert.Equal(texts[0], texts[1]);
        Assert.NotEqual(texts[0], texts[2]);
    }

    [Fact]
    public void A_seed_gives_the_same_text_and_hash_on_every_width_and_thread_count()
    {
        GenerationResult expected = _generator.Generate(Prompt(), Sampled(3), cancellation: TestContext.Current.CancellationToken);
        foreach (RegisterWidth width in Enum.GetValues<RegisterWidth>().Where(RegisterWidths.IsSupported))
        {
            using Transformer other = Transformer.Load(TestData.Tiny, new() { Width = width, Threads = 3 });
            GenerationResult result = new Generator(other, _tokenizer).Generate(Prompt(), Sampled(3), cancellation: TestContext.Current.CancellationToken);
            Assert.Equal((expected.Text, expected.LogitsHash), (result.Text, result.LogitsHash));
        }
    }

    [Fact]
    public void A_stop_text_ends_the_text_before_it_and_keeps_the_tokens()
    {
        GenerationResult whole = _generator.Generate(Prompt(), Greedy(64), cancellation: TestContext.Current.CancellationToken);
        GenerationResult cut = _generator.Generate(Prompt(), Greedy(64) with { StopTexts = ["Norway is"] }, cancellation: TestContext.Current.CancellationToken);
        Assert.Equal(FinishReason.Stop, cut.FinishReason);
        Assert.Equal(whole.Text[..whole.Text.IndexOf("Norway is", StringComparison.Ordinal)], cut.Text);
        Assert.Equal(whole.Ids.Take(cut.Ids.Count), cut.Ids);
        Assert.Contains("Norway is", _tokenizer.Decode([.. cut.Ids]), StringComparison.Ordinal);
    }

    [Fact]
    public void Log_probabilities_are_of_the_chosen_and_of_the_most_probable_tokens()
    {
        GenerationResult result = _generator.Generate(Prompt(), Greedy(5) with { TopLogProbabilities = 3 }, cancellation: TestContext.Current.CancellationToken);
        Assert.Equal(result.Ids, result.LogProbabilities!.Select(step => step.Chosen.Id));
        Assert.All(result.LogProbabilities!, step =>
        {
            Assert.Equal(step.Chosen, step.Top[0]);
            Assert.Equal(3, step.Top.Count);
            Assert.True(step.Top[0].LogProbability >= step.Top[1].LogProbability && step.Top[0].LogProbability <= 0);
        });
    }

    [Fact]
    public void Cancelling_between_tokens_returns_what_there_is()
    {
        using var cancellation = new CancellationTokenSource();
        int count = 0;
        GenerationResult result = _generator.Generate(Prompt(), Greedy(64), tokenChosen: _ =>
        {
            if (++count == 3)
                cancellation.Cancel();
        }, cancellation: cancellation.Token);
        Assert.Equal((FinishReason.Cancelled, 3), (result.FinishReason, result.Ids.Count));
    }

    [Fact]
    public void Cancelling_between_chunks_returns_nothing()
    {
        using var cancellation = new CancellationTokenSource();
        int[] prompt = [.. Enumerable.Repeat(Prompt(), 12).SelectMany(ids => ids)];
        GenerationResult result = _generator.Generate(prompt, Greedy(64), promptRead: _ => cancellation.Cancel(), cancellation: cancellation.Token);
        Assert.Equal((FinishReason.Cancelled, 0, Sequence.ChunkTokens, ""), (result.FinishReason, result.Ids.Count, result.PromptTokens, result.Text));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    public async Task A_stream_says_what_a_whole_answer_says(ulong seed)
    {
        GenerationOptions options = Sampled(seed) with { TopLogProbabilities = 1, StopTexts = ["never to be seen"] };
        GenerationResult whole = _generator.Generate(Prompt(), options, cancellation: TestContext.Current.CancellationToken);
        List<GeneratedToken> tokens = await _generator.StreamAsync(Prompt(), options, TestContext.Current.CancellationToken).ToListAsync(TestContext.Current.CancellationToken);
        Assert.Equal(whole.Ids, tokens.Select(token => token.Id));
        Assert.Equal(whole.Text, string.Concat(tokens.Select(token => token.Text)));
        Assert.Equal(whole.LogProbabilities!.Select(step => step.Chosen), tokens.Select(token => token.LogProbabilities!.Chosen));
        Assert.Equal([.. Enumerable.Repeat<FinishReason?>(null, tokens.Count - 1), whole.FinishReason], tokens.Select(token => token.End));
    }

    [Fact]
    public async Task A_stream_computes_no_further_than_it_is_read_and_stops_when_it_is_cancelled()
    {
        using var cancellation = new CancellationTokenSource();
        Sequence sequence = _model.NewSequence();
        int[] prompt = Prompt();
        int seen = 0;
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (GeneratedToken token in _generator.StreamAsync(sequence, prompt, Greedy(64), cancellation.Token))
            {
                Assert.Equal(prompt.Length + seen, sequence.Length);
                if (++seen == 3)
                    await cancellation.CancelAsync();
            }
        });
        Assert.Equal((3, prompt.Length + 2), (seen, sequence.Length));
        Assert.Throws<PromptException>(() => _generator.StreamAsync(Array.Empty<int>(), Greedy(1), TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_stream_leaves_the_caller_s_thread_free_while_the_model_is_busy()
    {
        using var running = new ManualResetEventSlim();
        using var release = new ManualResetEventSlim();
        Task other = Task.Run(() =>
        {
            Holds observer = new(running, release);
            _model.Forward([new(_model.NewSequence(), new[] { 1 }, LogitRows.None)], new LogitsBuffer(), ref observer);
        }, TestContext.Current.CancellationToken);
        running.Wait(TestContext.Current.CancellationToken);
        await using IAsyncEnumerator<GeneratedToken> stream = _generator.StreamAsync(Prompt(), Greedy(1), TestContext.Current.CancellationToken).GetAsyncEnumerator(TestContext.Current.CancellationToken);
        ValueTask<bool> first = stream.MoveNextAsync();
        Assert.False(first.IsCompleted);
        release.Set();
        Assert.True(await first);
        await other;
    }

    private readonly struct Holds(ManualResetEventSlim running, ManualResetEventSlim release) : IStageObserver
    {
        public static bool IsActive => true;

        public void Observe(Stage stage, int layer, ReadOnlySpan<RowOrigin> origins, Rows values)
        {
            running.Set();
            release.Wait();
        }

        public void ObserveExperts(int layer, ReadOnlySpan<RowOrigin> origins, Rows router, Span<int> experts, int perToken)
        {
        }
    }

    [Fact]
    public void A_conversation_goes_on_in_its_sequence()
    {
        int[] prompt = Prompt();
        GenerationResult whole = _generator.Generate(prompt, Greedy(8), cancellation: TestContext.Current.CancellationToken);
        Sequence sequence = _model.NewSequence();
        _model.Forward(new BatchItem(sequence, prompt.AsMemory(0, 50), LogitRows.None));
        Assert.Equal(whole.LogitsHash, _generator.Generate(sequence, prompt.AsMemory(50), Greedy(8), cancellation: TestContext.Current.CancellationToken).LogitsHash);
    }

    [Fact]
    public void The_context_bounds_the_answer()
    {
        using var folder = new TemporaryFolder();
        using Transformer model = Synthetic(folder);
        var generator = new Generator(model, _tokenizer);
        Assert.Equal(7, generator.Generate(new int[10], Greedy(100) with { StopTokens = [] }, cancellation: TestContext.Current.CancellationToken).Ids.Count);      // the last token is not fed
        Assert.Equal(FinishReason.Length, generator.Generate(new int[16], Greedy(100) with { StopTokens = [] }, cancellation: TestContext.Current.CancellationToken).FinishReason);
    }

    [Fact]
    public void A_prompt_that_cannot_be_read_is_refused_in_one_sentence()
    {
        using var folder = new TemporaryFolder();
        using Transformer model = Synthetic(folder);
        var generator = new Generator(model, _tokenizer);
        string Refusal(params int[] prompt) => Assert.Throws<PromptException>(() => generator.Generate(prompt, Greedy(1), cancellation: TestContext.Current.CancellationToken)).Message;
        Assert.Equal("The prompt has no tokens, so there is nothing to continue.", Refusal());
        Assert.Equal("The prompt has 17 tokens; the model's context holds 16.", Refusal(new int[17]));
        Assert.Equal("Token id 512 at place 1 of the prompt is unknown; the model has ids 0 to 511.", Refusal(0, 512));
        Assert.Equal("Token id -1 at place 0 of the prompt is unknown; the model has ids 0 to 511.", Refusal(-1));
    }

    [Fact]
    public void A_row_with_a_NaN_stops_with_one_sentence()
    {
        using var folder = new TemporaryFolder();
        Synthetic(folder).Dispose();
        string path = folder.File("model.safetensors");
        long at;
        using (SafeTensorsFile file = SafeTensorsFile.Open(path))
        {
            Assert.True(file.TryGet("norm.scale", out TensorInfo norm));
            at = file.FileBytes - file.Tensors[^1].End + norm.Begin;
        }
        using (FileStream file = File.OpenWrite(path))
        {
            file.Position = at;
            file.Write([0xC0, 0x7F]);
        }
        using Transformer model = Transformer.Load(folder.Path);
        LogitsException e = Assert.Throws<LogitsException>(() => new Generator(model, _tokenizer).Generate(new int[] { 1 }, Greedy(1), cancellation: TestContext.Current.CancellationToken));
        Assert.Equal("The logit of id 0 is not a number; no token can be chosen from such a row.", e.Message);
    }

    private static Transformer Synthetic(TemporaryFolder folder)
    {
        SyntheticCheckpoint.Write(folder.Path, SmallShapes.SixteenPositions, seed: 1, cancellation: TestContext.Current.CancellationToken);
        return Transformer.Load(folder.Path);
    }

    private GenerationOptions Greedy(int tokens) => new() { MaxTokens = tokens, StopTokens = StopTokens.For(_model, _tokenizer) };

    private GenerationOptions Sampled(ulong seed) => Greedy(40) with { Sampling = new() { Temperature = 3, TopK = 50, TopP = 0.95, MinP = 0.01, Seed = seed } };

    private int[] Prompt() => PublishedPrompt.Build(_tokenizer, "What is the capital of Norway?", date: new DateOnly(2025, 6, 28));

    private static int[] Ints(JsonElement array) => [.. array.EnumerateArray().Select(id => id.GetInt32())];
}
