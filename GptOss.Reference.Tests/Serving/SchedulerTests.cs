using GptOss.Cli.Options;
using GptOss.Reference.Generation;
using GptOss.Reference.Harmony;
using GptOss.Reference.Model;
using GptOss.Reference.Serving;
using GptOss.Reference.Tokens;
using Xunit;

namespace GptOss.Reference.Tests.Serving;

public sealed class SchedulerTests : IDisposable
{
    private static readonly string[] Questions =
    [
        "What is the capital of France?", "What is the capital of Norway?", "Spell \"morning\" backwards.", "Sort these numbers: 5, 3, 9",
        "How many letters are in \"window\"?", "Who are you?",
    ];

    private readonly Transformer _model = Transformer.Load(TestData.Tiny);
    private readonly Tokenizer _tokenizer = Tokenizer.ForCheckpoint(TestData.Tiny);

    public void Dispose() => _model.Dispose();

    [Theory]
    [InlineData(long.MaxValue, 1000, 200)]
    [InlineData(1100, 900, 200)]
    [InlineData(400, 300, 100)]
    [InlineData(0, 0, 0)]
    public void What_is_planned_with_stays_below_the_limit_of_the_caches(long limit, long cache, long prefixes)
    {
        SchedulerOptions within = new SchedulerOptions { CacheBytes = 1000, PrefixBytes = 200 }.Within(limit);
        Assert.Equal((cache, prefixes), (within.CacheBytes, within.PrefixBytes));
    }

    [Fact]
    public async Task Answers_are_the_tokens_that_the_generator_gives()
    {
        await using var scheduler = new Scheduler(_model);
        ServingRequest request = Request(0, seed: 5, temperature: 1);
        var options = new GenerationOptions { Sampling = request.Sampling, MaxTokens = request.MaxTokens, StopTokens = [.. request.StopTokens] };
        GenerationResult alone = new Generator(_model, _tokenizer)
            .Generate(request.Prompt, options, cancellation: TestContext.Current.CancellationToken);
        Assert.Equal(alone.Ids, await IdsOf(scheduler, request));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Requests_in_company_give_what_they_give_alone(int seed)
    {
        var random = new Random(seed);
        ServingRequest[] requests =
            [.. Enumerable.Range(0, 24).Select(i => Request(random.Next(Questions.Length), seed: i, temperature: i % 3 == 0 ? 0 : 1,
            repeat: random.Next(1, 8), maxTokens: random.Next(1, 60), choices: random.Next(4) == 0 ? 3 : 1))];
        var solo = new List<int[][]>();
        foreach (ServingRequest request in requests)
        {
            await using var alone = new Scheduler(_model, new SchedulerOptions { PrefixBytes = 0 });
            solo.Add(await ChoicesOf(alone, request));
        }

        // Few places, little memory, prefixes that are found, evicted and gone back to; clients that leave in between.
        // The guesses that half of them are given change nothing.
        await using var scheduler = new Scheduler(_model,
            new SchedulerOptions { MaxSequences = 5, CacheBytes = 3 << 20, PrefixBytes = 2 << 20, Speculate = seed == 1 ? 0 : 4 * seed });
        await Task.WhenAll(requests.Select(async (request, i) =>
        {
            await Task.Delay(new Random(seed * 100 + i).Next(0, 200), TestContext.Current.CancellationToken);
            if (i % 5 == 4)
                await LeaveAfter(scheduler, request, tokens: i % 4);
            int[][] choices = await ChoicesOf(scheduler, request);
            Assert.Equal(solo[i], choices);
        }));
        Assert.Equal((0, 0), (scheduler.State.Running, scheduler.State.Waiting));
    }

    [Fact]
    public async Task A_prompt_that_was_read_before_is_not_read_again_and_gives_the_same_answer()
    {
        await using var scheduler = new Scheduler(_model);
        ServingRequest request = Request(0, seed: 1, temperature: 0, repeat: 12);
        await using ServedGeneration first = scheduler.Submit(request, TestContext.Current.CancellationToken);
        int[] before = await Ids(first);
        await using ServedGeneration second = scheduler.Submit(request, TestContext.Current.CancellationToken);
        int[] after = await Ids(second);
        Assert.Equal(before, after);
        Assert.Equal(0, first.CachedTokens);
        Assert.True(second.CachedTokens > request.Prompt.Length * 0.9, $"{second.CachedTokens} of {request.Prompt.Length}");
    }

    [Fact]
    public async Task Choices_of_one_prompt_draw_with_seeds_that_follow_each_other()
    {
        await using var scheduler = new Scheduler(_model);
        int[][] together = await ChoicesOf(scheduler, Request(1, seed: 40, temperature: 1.5, choices: 4));
        for (int i = 0; i < together.Length; i++)
            Assert.Equal(await IdsOf(scheduler, Request(1, seed: 40 + i, temperature: 1.5)), together[i]);
    }

    [Fact]
    public async Task An_answer_that_repeats_itself_takes_fewer_steps_than_tokens_where_it_is_guessed_ahead()
    {
        (int[] expected, int plain) = await Run(speculate: 0);
        Assert.Equal(200, plain);
        (int[] guessed, int fewer) = await Run(speculate: 8);
        Assert.Equal(expected, guessed);
        Assert.InRange(fewer, 1, 199);

        async Task<(int[] Ids, int Steps)> Run(int speculate)
        {
            int steps = 0;
            var scheduler = new Scheduler(_model, new SchedulerOptions { Speculate = speculate });
            scheduler.StepTaken += (_, _) => steps++;
            int[] ids = await IdsOf(scheduler, Request(0, seed: 1, temperature: 0) with { StopTokens = new HashSet<int>(), MaxTokens = 200 });
            await scheduler.DisposeAsync();                              // the last step is counted after its token is given
            return (ids, steps);
        }
    }

    [Fact]
    public async Task A_client_that_leaves_frees_its_place()
    {
        await using var scheduler = new Scheduler(_model, new SchedulerOptions { MaxSequences = 1 });
        ServedGeneration endless = scheduler.Submit(Request(0, seed: 1, temperature: 1) with { StopTokens = new HashSet<int>(), MaxTokens = 100_000 },
            TestContext.Current.CancellationToken);
        await foreach (ServedToken _ in endless.ReadAsync(TestContext.Current.CancellationToken))
            break;
        Task<int[]> next = IdsOf(scheduler, Request(1, seed: 1, temperature: 0));
        Assert.Equal(1, scheduler.State.Running);
        await endless.DisposeAsync();
        Assert.NotEmpty(await next);
    }

    [Fact]
    public async Task A_full_queue_refuses_the_next_request_and_says_when_to_come_back()
    {
        await using var scheduler = new Scheduler(_model, new SchedulerOptions { MaxSequences = 1, MaxQueue = 1 });
        ServingRequest endless = Request(0, seed: 1, temperature: 1) with { StopTokens = new HashSet<int>(), MaxTokens = 100_000 };
        await using ServedGeneration running = scheduler.Submit(endless, TestContext.Current.CancellationToken);
        await foreach (ServedToken _ in running.ReadAsync(TestContext.Current.CancellationToken))
            break;
        await using ServedGeneration waiting = scheduler.Submit(endless, TestContext.Current.CancellationToken);
        QueueFullException full = Assert.Throws<QueueFullException>(() => scheduler.Submit(endless, TestContext.Current.CancellationToken));
        Assert.InRange(full.RetryAfterSeconds, 1, 60);
    }

    [Fact]
    public async Task Closing_ends_running_and_waiting_requests_as_cancelled()
    {
        var scheduler = new Scheduler(_model, new SchedulerOptions { MaxSequences = 1 });
        ServingRequest endless = Request(0, seed: 1, temperature: 1) with { StopTokens = new HashSet<int>(), MaxTokens = 100_000 };
        Task<int[]> running = IdsOf(scheduler, endless), waiting = IdsOf(scheduler, endless);
        await scheduler.DisposeAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        Assert.Throws<ObjectDisposedException>(() => scheduler.Submit(endless, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_penalty_makes_repeated_tokens_rarer()
    {
        await using var scheduler = new Scheduler(_model);
        ServingRequest free = Request(0, seed: 3, temperature: 0) with { StopTokens = new HashSet<int>(), MaxTokens = 120 };
        int[] plain = await IdsOf(scheduler, free);
        int[] varied = await IdsOf(scheduler, free with { Penalties = new TokenPenalties(2, 2, new Dictionary<int, float>()) });
        Assert.True(varied.Distinct().Count() > plain.Distinct().Count(),
            $"{varied.Distinct().Count()} kinds of tokens against {plain.Distinct().Count()}");
    }

    [Fact]
    public async Task A_biased_token_is_always_chosen()
    {
        await using var scheduler = new Scheduler(_model);
        int[] ids =
            await IdsOf(scheduler, Request(0, seed: 3, temperature: 1) with { MaxTokens = 5,
                Penalties = new TokenPenalties(0, 0, new Dictionary<int, float> { [17] = 1000 }) });
        Assert.Equal([17, 17, 17, 17, 17], ids);
    }

    [Fact]
    public async Task Requests_that_wait_get_their_turn_though_no_other_comes_after_them()
    {
        // Each ends with the step that it begins with, so that nothing runs when the next one could begin.
        await using var scheduler = new Scheduler(_model, new SchedulerOptions { MaxSequences = 1 });
        int[][] all = await Task.WhenAll(Enumerable.Range(0, 6).Select(i => IdsOf(scheduler, Request(i, seed: i, temperature: 1, maxTokens: 1))))
            .WaitAsync(TimeSpan.FromMinutes(1), TestContext.Current.CancellationToken);
        Assert.All(all, ids => Assert.Single(ids));
    }

    [Fact]
    public async Task Answers_that_share_a_prompt_count_it_once()
    {
        // Room for one prompt and the tails of eight answers, not for eight prompts.
        ServingRequest request = Request(0, seed: 1, temperature: 1, repeat: 300, maxTokens: 30, choices: 8) with { StopTokens = new HashSet<int>() };
        long alone = HeldBy(request.Prompt.Length), tail = HeldBy(Sequence.ChunkTokens);
        await using var scheduler = new Scheduler(_model, new SchedulerOptions { CacheBytes = alone + 8 * tail, PrefixBytes = 0 });
        Assert.True(7 * alone > 9 * tail, $"{alone} bytes of the prompt, {tail} of a tail");
        int most = 0;
        scheduler.StepTaken += (_, sequences) => most = Math.Max(most, sequences);
        int[][] together = await ChoicesOf(scheduler, request);
        Assert.Equal(8, most);
        Assert.All(together, ids => Assert.Equal(30, ids.Length));
    }

    [Fact]
    public async Task Requests_that_begin_alike_count_what_they_share_once()
    {
        ServingRequest request = Request(0, seed: 1, temperature: 1, repeat: 300, maxTokens: 80) with { StopTokens = new HashSet<int>() };
        long alone = HeldBy(request.Prompt.Length), tail = HeldBy(Sequence.ChunkTokens);
        await using var scheduler = new Scheduler(_model, new SchedulerOptions { CacheBytes = 7 * tail, PrefixBytes = 4 * alone });
        int most = 0;
        scheduler.StepTaken += (_, sequences) => most = Math.Max(most, sequences);
        int[] first = await IdsOf(scheduler, request);
        int[][] all = await TogetherAsync(scheduler, request, 6);
        Assert.Equal(6, most);
        Assert.All(all, ids => Assert.Equal(first, ids));
        for (int i = 0; i < 500 && scheduler.State.Running > 0; i++)
            await Task.Delay(10, TestContext.Current.CancellationToken);
        Assert.Equal((_model.CacheMemory.Held, _model.CacheMemory.Held), (scheduler.State.CacheBytes, scheduler.State.PrefixBytes));
    }

    [Fact]
    public async Task Little_memory_lets_requests_wait_or_give_way_and_never_exceeds_what_is_allowed()
    {
        ServingRequest request = Request(0, seed: 1, temperature: 1, maxTokens: 200) with { StopTokens = new HashSet<int>() };
        int[] alone = await AloneAsync(request);
        long one = HeldBy(request.Prompt.Length + 200);
        await using var scheduler = new Scheduler(_model, new SchedulerOptions { CacheBytes = 2 * one + one / 2, PrefixBytes = one });
        long most = 0;
        int together = 0;
        scheduler.StepTaken += (_, sequences) => (most, together) = (Math.Max(most, _model.CacheMemory.Held), Math.Max(together, sequences));
        int[][] all = await TogetherAsync(scheduler, request, 8);
        Assert.All(all, ids => Assert.Equal(alone, ids));
        Assert.InRange(most, 1, 3 * one + one / 2);
        Assert.True(together > 1, "They ran one after another.");
    }

    [Fact]
    public void Kept_prefixes_that_share_pages_count_them_once_and_give_back_their_own()
    {
        using Sequence first = _model.NewSequence();
        int[] ids = [.. Enumerable.Range(0, 900).Select(i => i % 1000)];
        _model.Forward(new BatchItem(first, ids, LogitRows.None), new LogitsBuffer(), TestContext.Current.CancellationToken);
        using Sequence second = first.Fork();
        _model.Forward(new BatchItem(second, new[] { 7 }, LogitRows.None), new LogitsBuffer(), TestContext.Current.CancellationToken);
        var cache = new PrefixCache(first.CacheBytes * 3 / 2, _model.CacheMemory.PageBytes);
        cache.Keep(ids, first);
        Assert.Equal(first.CacheBytes, cache.Bytes);
        cache.Keep([.. ids, 7], second);
        Assert.Equal(_model.CacheMemory.Held, cache.Bytes);
        Assert.InRange(cache.Bytes, first.CacheBytes + 1, first.CacheBytes * 3 / 2);
        using (Sequence? found = cache.Find([.. ids, 7, 8]))
            Assert.Equal(901, found!.Length);
        cache.Clear();
        Assert.Equal(0, cache.Bytes);
    }

    private async Task<int[]> AloneAsync(ServingRequest request)
    {
        await using var scheduler = new Scheduler(_model, new SchedulerOptions { PrefixBytes = 0 });
        return await IdsOf(scheduler, request);
    }

    private long HeldBy(int tokens)
    {
        using Sequence sequence = _model.NewSequence();
        return sequence.BytesToExtend(tokens);
    }

    private ServingRequest Request(int question, int seed, double temperature, int repeat = 1, int maxTokens = 80, int choices = 1)
    {
        string text = string.Concat(Enumerable.Repeat("A line of instructions. ", repeat));
        var messages = new List<Message> { new(Role.Developer, [new DeveloperContent { Instructions = text }]), new(Role.User, Questions[question]) };
        return new ServingRequest
        {
            Prompt = new HarmonyRenderer(_tokenizer).RenderForCompletion(messages),
            Sampling = new SamplingOptions { Temperature = temperature, Seed = (ulong)seed },
            StopTokens = new HashSet<int>(StopTokens.For(_model, _tokenizer)),
            MaxTokens = maxTokens,
            Choices = choices,
        };
    }

    private static async Task LeaveAfter(Scheduler scheduler, ServingRequest request, int tokens)
    {
        await using ServedGeneration leaving = scheduler.Submit(request, TestContext.Current.CancellationToken);
        if (tokens == 0)
            return;
        await foreach (ServedToken _ in leaving.ReadAsync(TestContext.Current.CancellationToken))
        {
            if (--tokens == 0)
                break;
        }
    }

    // All of them are submitted before the first takes its second step, however busy the machine is.
    private static async Task<int[][]> TogetherAsync(Scheduler scheduler, ServingRequest request, int count)
    {
        var submitted = new TaskCompletionSource();
        scheduler.StepTaken += (_, _) => submitted.Task.Wait(CancellationToken.None);
        Task<int[]>[] all = [.. Enumerable.Range(0, count).Select(_ => IdsOf(scheduler, request))];
        submitted.SetResult();
        return await Task.WhenAll(all);
    }

    private static async Task<int[]> IdsOf(Scheduler scheduler, ServingRequest request) => (await ChoicesOf(scheduler, request))[0];

    private static async Task<int[]> Ids(ServedGeneration generation)
    {
        var ids = new List<int>();
        await foreach (ServedToken token in generation.ReadAsync(TestContext.Current.CancellationToken))
            ids.Add(token.Id);
        return [.. ids];
    }

    private static async Task<int[][]> ChoicesOf(Scheduler scheduler, ServingRequest request)
    {
        await using ServedGeneration generation = scheduler.Submit(request, TestContext.Current.CancellationToken);
        List<int>[] ids = [.. Enumerable.Range(0, request.Choices).Select(_ => new List<int>())];
        await foreach (ServedToken token in generation.ReadAsync(TestContext.Current.CancellationToken))
            ids[token.Choice].Add(token.Id);
        return [.. ids.Select(list => list.ToArray())];
    }
}
