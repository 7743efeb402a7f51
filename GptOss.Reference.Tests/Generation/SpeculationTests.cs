using GptOss.Reference.Chat;
using GptOss.Reference.Generation;
using GptOss.Reference.Generation.Constraints;
using GptOss.Reference.Ground;
using GptOss.Reference.Harmony;
using GptOss.Reference.Model;
using GptOss.Reference.Serving;
using GptOss.Reference.Tests.Model;
using GptOss.Reference.Tokens;
using Xunit;

namespace GptOss.Reference.Tests.Generation;

/// <summary>
/// Whatever is guessed ahead, by whom, and how often it is wrong: ids, text, log-probabilities, hash and sequence are those of plain decoding.
/// </summary>
public sealed class SpeculationTests(SmallModels models) : IClassFixture<SmallModels>
{
    private static readonly Tokenizer Toy = Tokenizer.ForCheckpoint(TestData.Tiny);

    public static TheoryData<string, int> Sources
    {
        get
        {
            TheoryData<string, int> all = [];
            foreach (string source in (string[])["lookup", "right", "wrong", "random", "half"])
            {
                foreach (int most in (int[])[1, 3, 8, 32])
                    all.Add(source, most);
            }
            return all;
        }
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory, MemberData(nameof(Sources))]
    public void Random_continuations_are_those_of_plain_decoding(string source, int most)
    {
        using Transformer model = SmallModels.Load(models.Write(SmallModels.Smallest, 1));
        var random = new Random(most * 31 + source.Length);
        int drafted = 0, accepted = 0;
        for (int round = 0; round < 12; round++)
        {
            int[] prompt = SmallModels.Ids(random.Next(1, 60), 64, random.Next());
            GenerationOptions options = RandomOptions(random);
            (string Said, int[] Ids) plain = Run(model, prompt, options, null);
            Decoding guessed = new(model.NewSequence(), prompt, options) { Drafting = new(most, Source(source, prompt, plain.Ids, round), null) };
            Assert.Equal(plain.Said, Run(model, guessed, options));
            (drafted, accepted) = (drafted + guessed.DraftedTokens, accepted + guessed.AcceptedTokens);
        }
        Assert.True(drafted > 0);
        Assert.True(source switch { "wrong" => accepted == 0, "right" or "half" => accepted > 0, _ => accepted <= drafted },
            $"{accepted} of {drafted}");
    }

    [Theory]
    [InlineData("lookup")]
    [InlineData("right")]
    [InlineData("random")]
    public void Under_a_schema_the_toy_writes_the_same_document(string source)
    {
        using var model = Transformer.Load(TestData.Tiny);
        var schema = JsonSchema.Compile(
            """
            {"type": "object", "properties": {"city": {"type": "string", "maxLength": 12}, "days": {"type": "array", "maxItems": 3, "items":
             {"type": "object", "properties": {"day": {"enum": ["Monday", "Tuesday"]}, "sunny": {"type": "boolean"}}, "required": ["day", "sunny"],
              "additionalProperties": false}}}, "required": ["city", "days"], "additionalProperties": false}
            """);
        int[] prompt = Prompt("Write JSON.");
        foreach ((double temperature, int? top) in ((double, int?)[])[(0, null), (1.5, null), (1.5, 2)])
        {
            var options = new GenerationOptions
            {
                MaxTokens = 80,
                CloseOnBudget = true,
                Sampling = new() { Temperature = temperature, Seed = 4 },
                Constraint = new JsonConstraint(schema, Toy, StopTokens.For(model, Toy)),
                StopTokens = StopTokens.For(model, Toy),
                TopLogProbabilities = top,
            };
            (string Said, int[] Ids) plain = Run(model, prompt, options, null);
            Assert.Equal(plain.Said, Run(model, prompt, options, new(6, Source(source, prompt, plain.Ids, 1), null)).Said);
        }
    }

    [Fact]
    public void The_toy_answers_the_same_with_guesses_that_adapt()
    {
        using var model = Transformer.Load(TestData.Tiny);
        var generator = new Generator(model, Toy);
        int drafted = 0;
        string[] questions = ["What is the capital of Norway?", "Spell \"morning\" backwards.", "Sort these numbers: 5, 3, 9"];
        for (int i = 0; i < questions.Length; i++)
        {
            int[] prompt = Prompt(questions[i]);
            GenerationOptions options = new()
            {
                MaxTokens = 60,
                Sampling = new() { Temperature = i, Seed = 9 },
                StopTokens = i == 1 ? [] : StopTokens.For(model, Toy),
                StopTexts = i == 2 ? ["9."] : [],
                TopLogProbabilities = 2,
            };
            GenerationResult plain = generator.Generate(prompt, options, cancellation: Cancellation),
                guessed = generator.Generate(prompt, options with { Speculate = 5 }, cancellation: Cancellation);
            Assert.Equal((0, 0), (plain.DraftedTokens, plain.AcceptedTokens));
            drafted += guessed.DraftedTokens;
            Assert.Equal(Told(plain), Told(guessed));
        }
        Assert.True(drafted > 0);
    }

    [Fact]
    public void A_stop_text_inside_a_guess_leaves_the_sequence_where_plain_decoding_does()
    {
        using var model = Transformer.Load(TestData.Tiny);
        int[] prompt = Prompt("What is the capital of Norway?");
        GenerationOptions options = new() { MaxTokens = 60, StopTexts = ["Norway is"] };
        (string Said, int[] Ids) plain = Run(model, prompt, options, null);
        Assert.EndsWith(" Stop", plain.Said.Split('\n')[0], StringComparison.Ordinal);
        int[] beyond = [.. plain.Ids, 1, 2, 3, 4];
        Assert.Equal(plain.Said, Run(model, prompt, options, new(8, Source("right", prompt, beyond, 0), null)).Said);
    }

    [Fact]
    public async Task A_stream_that_is_left_has_no_guesses_in_its_sequence()
    {
        using var model = Transformer.Load(TestData.Tiny);
        using Sequence sequence = model.NewSequence();
        int[] prompt = [.. Enumerable.Repeat(Prompt("Hi"), 3).SelectMany(ids => ids)];
        int seen = 0;
        GenerationOptions options = new() { MaxTokens = 40, Speculate = 8 };
        await foreach (GeneratedToken _ in new Generator(model, Toy).StreamAsync(sequence, prompt, options, Cancellation))
        {
            if (++seen == 20)
                break;
        }
        Assert.Equal(prompt.Length + 19, sequence.Length);
    }

    [Fact]
    public void A_pass_that_is_cancelled_or_meets_the_end_of_the_memory_is_made_again()
    {
        string folder = models.Write(SmallModels.Smallest, 1);
        using Transformer free = SmallModels.Load(folder);
        int stopped = 0;
        for (int length = 1; length <= 70; length += 3)
        {
            // The answer ends by itself after twelve tokens, and guesses may go on: into a page that there is no memory for.
            int[] prompt = SmallModels.Ids(length, 64, length);
            GenerationOptions options = new() { MaxTokens = 12, Sampling = new() { Temperature = 3, Seed = 1 } };
            options = options with { MaxTokens = 400, StopTokens = [Run(free, prompt, options, null).Ids[^1]] };
            using Sequence sequence = free.NewSequence();
            var plain = new Decoding(sequence, prompt, options);
            string said = Run(free, plain, options);
            if (plain.Ids.Count < 12)
                continue;                                                // that token came earlier too
            using var tight = Transformer.Load(folder, new() { Threads = 1, CacheBytes = sequence.CacheBytes });
            int calls = 0;
            int Count() => calls++;
            DraftSource source = Source("random", prompt, [], length);
            var guessed = new Decoding(tight.NewSequence(), prompt, options)
            {
                Drafting = new(32, (known, into) =>
                {
                    Count();
                    return source(known, into);
                }, null),
            };
            var logits = new LogitsBuffer();
            using var answer = new Continuation(guessed, Toy, options);
            while (guessed.End is null)
            {
                Assert.Throws<OperationCanceledException>(() => guessed.Feed(tight, logits, new CancellationToken(canceled: true)));
                if (guessed.Feed(tight, logits, Cancellation))
                    answer.Take(logits[guessed.NextRow]);
            }
            Assert.Equal(said, Told(answer.Result(), guessed));
            stopped += calls < 6 ? 1 : 0;
        }
        Assert.True(stopped > 0, "No guess met the end of the memory.");
    }

    [Fact]
    public void An_expert_that_only_a_wrong_guess_asks_for_may_be_damaged()
    {
        string folder = models.Write(SmallModels.Smallest, 2);
        int met = 0;
        for (int expert = 0; expert < 4; expert++)
        {
            string damaged = models.Patch(folder, "block.1.mlp.mlp1_weight.scales", expert * 64, [255]);
            using Transformer model = SmallModels.Load(damaged);
            for (int seed = 0; seed < 16; seed++)
            {
                int[] prompt = SmallModels.Ids(1, 64, seed);
                GenerationOptions options = new() { MaxTokens = 4 };
                string said;
                try
                {
                    said = Run(model, prompt, options, null).Said;
                }
                catch (CheckpointFormatException)
                {
                    continue;                                            // plain decoding meets it too
                }
                int calls = 0;
                DraftSource source = Source("random", prompt, [], seed);
                var guessed = new Decoding(model.NewSequence(), prompt, options)
                {
                    Drafting = new(8, (known, into) => ++calls < 100 ? source(known, into) : default, null),
                };
                Assert.Equal(said, Run(model, guessed, options));
                met += calls == 1 ? 1 : 0;
            }
        }
        Assert.True(met > 0, "No guess met a damaged expert.");
    }

    [Fact]
    public void Conversations_and_users_are_guessed_ahead_and_plain_generation_is_a_pass_a_token() =>
        Assert.Equal((8, 8, 0), (new ConversationOptions().Speculate, new SchedulerOptions().Speculate, new GenerationOptions().Speculate));

    [Theory]
    [InlineData(-1)]
    [InlineData(33)]
    public void A_number_of_guesses_out_of_range_is_refused(int speculate) =>
        Assert.StartsWith("From 0 to 32 tokens are guessed ahead.",
            Assert.Throws<ArgumentOutOfRangeException>(() => new GenerationOptions { Speculate = speculate }).Message, StringComparison.Ordinal);

    private static GenerationOptions RandomOptions(Random random) => new()
    {
        MaxTokens = random.Next(1, 40),
        Sampling = random.Next(3) switch
        {
            0 => default,
            1 => new() { Temperature = 0.7, TopK = 3, Seed = (ulong)random.Next() },
            _ => new() { Temperature = 4, TopP = 0.9, MinP = 0.01, Seed = (ulong)random.Next() },
        },
        Penalties = random.Next(2) == 0 ? null : new(0.5f, 0.25f, new Dictionary<int, float> { [5] = 2, [6] = -3 }),
        StopTokens = random.Next(2) == 0 ? [] : [7, 8],
        StopTexts = random.Next(3) == 0 ? [Toy.Decode([random.Next(64)])] : [],
        TopLogProbabilities = random.Next(2) == 0 ? null : 3,
    };

    private static DraftSource Source(string name, int[] prompt, int[] answer, int seed)
    {
        var random = new Random(seed);
        int Truth(int at) => at - prompt.Length < answer.Length ? answer[at - prompt.Length] : 0;
        return name == "lookup" ? PromptLookup.Guess : (known, into) =>
        {
            for (int i = 0; i < into.Length; i++)
            {
                into[i] = name switch
                {
                    "right" => Truth(known.Length + i),
                    "wrong" => (Truth(known.Length + i) + 1) % 64,
                    "half" => i < into.Length / 2 ? Truth(known.Length + i) : random.Next(64),
                    _ => random.Next(64),
                };
            }
            return new(into.Length, random.Next(Drafting.Kinds));
        };
    }

    private static (string Said, int[] Ids) Run(Transformer model, int[] prompt, GenerationOptions options, Drafting? drafting)
    {
        var decoding = new Decoding(model.NewSequence(), prompt, options) { Drafting = drafting };
        return (Run(model, decoding, options), [.. decoding.Ids]);
    }

    private static string Run(Transformer model, Decoding decoding, GenerationOptions options)
    {
        using var answer = new Continuation(decoding, Toy, options);
        var logits = new LogitsBuffer();
        while (decoding.End is null)
        {
            if (decoding.Feed(model, logits, Cancellation))
                answer.Take(logits[decoding.NextRow]);
        }
        return Told(answer.Result(), decoding);
    }

    private static string Told(GenerationResult result, Decoding decoding) => $"{Told(result)}\n{decoding.Sequence.Length}";

    private static string Told(GenerationResult result) =>
        $"{string.Join(' ', result.Ids)} {result.FinishReason}\n{result.Text}|{result.Rest}\n{result.LogitsHash}\n"
        + string.Join(' ', result.LogProbabilities?.Select(step => $"{step.Chosen}{string.Concat(step.Top)}") ?? []);

    private static int[] Prompt(string question) => PublishedPrompt.Build(Toy, question, date: new DateOnly(2025, 6, 28));
}
