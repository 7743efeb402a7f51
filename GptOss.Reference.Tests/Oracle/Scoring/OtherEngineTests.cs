using System.Runtime.InteropServices;
using System.Text.Json;
using FsCheck;
using FsCheck.Fluent;
using GptOss.Reference.Checkpoints.Safetensors;
using GptOss.Reference.Checkpoints.Storage;
using GptOss.Reference.Ground;
using GptOss.Reference.Model;
using GptOss.Reference.Oracle.Scoring;
using GptOss.Reference.Tests.Checkpoints;
using GptOss.Reference.Tests.Model;
using GptOss.Reference.Tokens;
using Xunit;

namespace GptOss.Reference.Tests.Oracle.Scoring;

/// <summary>Another engine's probabilities: the same ones have no divergence, others the one of the definition, and no file is trusted.</summary>
public sealed class OtherEngineTests(SmallModels models) : IClassFixture<SmallModels>, IDisposable
{
    private static readonly int[] Ids = SmallModels.Ids(14, 64, 3);
    private readonly TemporaryFolder _folder = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    private Transformer Model() => SmallModels.Load(models.Write(SmallModels.Smallest, 1));

    private static DocumentScore[] Score(Transformer model, IEnumerable<ScoreDocument> documents, string? other = null, int top = 0)
    {
        using OtherEngine? engine = other is null ? null : OtherEngine.Open(other, model.Config.VocabSize);
        return [.. new Scorer(model, Tokenizer.O200kHarmony, new() { Other = engine, Top = top }).Score(documents, Cancellation)];
    }

    private string Rows(float[] values, int rows, int vocabulary = 64, string name = "rows.safetensors")
    {
        SafeTensorsWriter.Write(_folder.File(name),
            [new TensorEntry("logits", DType.F32, [rows, vocabulary], stream => stream.Write(MemoryMarshal.AsBytes(values.AsSpan())))]);
        return _folder.File(name);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(5)]
    [InlineData(64)]
    public void Its_own_lines_have_no_divergence(int top)
    {
        using Transformer model = Model();
        Corpus corpus = Corpora.Open(Corpora.Random(8, 12, longest: 20));
        string lines = _folder.Write("own.jsonl", string.Concat(Score(model, corpus.Read(), top: top).Select(score => score.ToJson() + "\n")));
        foreach (DocumentScore score in Score(model, corpus.Read(), lines))
        {
            Assert.False(score.Comparison!.IsFull);
            Assert.Equal(score.Tokens, score.Comparison.Tokens.Count);
            Assert.All(score.Comparison.Tokens.Skip(1),
                token => Assert.Equal(new TokenComparison(0, top == 0 ? null : true, top == 0 ? null : 1), token));
            Assert.All(score.Comparison.Tokens.Take(1), Assert.Null);
        }
        // A later part reads on to its own lines.
        Assert.Equal(4, Score(model, corpus.Read(skip: 8), lines)
            .Count(score => score.Comparison!.Tokens.Skip(1).All(token => token!.Value.Divergence == 0)));
    }

    [Theory]
    [InlineData(14)]
    [InlineData(13)]
    public void Its_own_rows_have_no_divergence(int rows)
    {
        using Transformer model = Model();
        float[] logits = SmallModels.Logits(model, model.NewSequence(), Ids);
        DocumentScore score = Score(model, [new(0, "1", Ids, 1)], Rows(logits[..(rows * 64)], rows)).Single();
        Assert.True(score.Comparison!.IsFull);
        Assert.All(score.Comparison.Tokens.Skip(1), token => Assert.Equal(new TokenComparison(0, true, 1), token));

        // The same as log-probabilities, which float32 rounds.
        float[] lns = [.. logits.Chunk(64).SelectMany(row => row.Select(logit => (float)(logit - Math.Log(row.Sum(each => Math.Exp(each))))))];
        score = Score(model, [new(0, "1", Ids, 1)], Rows(lns[..(rows * 64)], rows)).Single();
        Assert.All(score.Comparison!.Tokens.Skip(1), token => Assert.InRange(token!.Value.Divergence, 0, 1e-12));
    }

    [Fact]
    public void Other_rows_have_the_divergence_of_the_definition()
    {
        using Transformer model = Model();
        float[] logits = SmallModels.Logits(model, model.NewSequence(), Ids);
        float[] theirs = [.. logits.Select((logit, i) => logit * 0.9f + (i % 7 == 0 ? 0.4f : 0))];
        DocumentScore score = Score(model, [new(0, "1", Ids, 1)], Rows(theirs, Ids.Length)).Single();
        static double[] Softmax(float[] row)
        {
            double sum = row.Sum(logit => Math.Exp(logit));
            return [.. row.Select(logit => Math.Exp(logit) / sum)];
        }
        static int[] Top(double[] row) => [.. row.Select((p, id) => (p, id)).OrderByDescending(t => t.p).ThenBy(t => t.id).Take(5).Select(t => t.id)];
        for (int token = 1; token < Ids.Length; token++)
        {
            double[] p = Softmax(logits[((token - 1) * 64)..(token * 64)]), q = Softmax(theirs[((token - 1) * 64)..(token * 64)]);
            TokenComparison found = score.Comparison!.Tokens[token]!.Value;
            Assert.Equal(p.Select((value, id) => value * Math.Log(value / q[id])).Sum(), found.Divergence, 1e-12);
            Assert.Equal(Top(p)[0] == Top(q)[0], found.SameFirst);
            Assert.Equal(Top(p).Intersect(Top(q)).Count() / 5.0, found.TopAgreement);
        }
    }

    [Fact]
    public void Listed_ids_and_a_bucket_have_the_divergence_of_the_definition() =>
        Prop.ForAll(Gen.Choose(1, 6).ToArbitrary(), Gen.Choose(0, int.MaxValue).ToArbitrary(), (listed, seed) =>
        {
            var random = new Random(seed);
            double[] Distribution()
            {
                double[] weights = [.. Enumerable.Range(0, 8).Select(_ => Math.Exp(6 * random.NextDouble()))];
                return [.. weights.Select(weight => weight / weights.Sum())];
            }
            double[] p = Distribution(), q = Distribution();
            double expected = p.Take(listed).Select((value, i) => value * Math.Log(value / q[i])).Sum();
            expected += p.Skip(listed).Sum() * Math.Log(p.Skip(listed).Sum() / q.Skip(listed).Sum());
            double[] lnP = [.. p.Take(listed).Select(value => Math.Log(value))], lnQ = [.. q.Take(listed).Select(value => Math.Log(value))];
            Assert.Equal(expected, Divergence.Listed(lnP, lnQ), 1e-12);
            Assert.Equal(0, Divergence.Listed(lnP, lnP));
            // Coarser buckets never show more.
            Assert.True(Divergence.Listed(lnP.AsSpan()[..^1], lnQ.AsSpan()[..^1]) <= expected + 1e-12);
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Rounding_of_a_certain_token_is_no_infinite_divergence()
    {
        double certain = Divergence.Listed([-1e-9], [6e-8]);
        Assert.InRange(certain, 0, 1e-6);
        Assert.InRange(Divergence.Listed([Math.Log(0.99)], [0]), 0.1, 0.2);         // 0.01 that the other has no room for
        Assert.InRange(Divergence.Listed([Math.Log(0.5), Math.Log(0.1)], [Math.Log(0.9), -9999]), 900, 1100);
    }

    [Fact]
    public void What_the_other_rules_out_is_infinite()
    {
        using Transformer model = Model();
        float[] logits = SmallModels.Logits(model, model.NewSequence(), Ids);
        logits[0] = float.NegativeInfinity;
        DocumentScore score = Score(model, [new(0, "1", Ids, 1)], Rows(logits, Ids.Length)).Single();
        Assert.Equal(double.PositiveInfinity, score.Comparison!.Tokens[1]!.Value.Divergence);
        Assert.Equal((1, 12, 0.0),
            (score.Totals.Comparison!.Value.Infinite, score.Totals.Comparison.Value.Compared, score.Totals.Comparison.Value.Largest));
        var json = JsonElement.Parse(score.ToJson());
        Assert.Equal("Infinity", json.GetProperty("kl")[1].GetString());
        Assert.Equal(score.Totals, ScoreLine.Totals(ScoreLine.Write(score).AsMemory()[..^1], "line"));
    }

    [Fact]
    public void A_line_gives_back_the_numbers_that_it_was_written_from()
    {
        var random = new Random(5);
        for (int round = 0; round < 100; round++)
        {
            int tokens = random.Next(1, 9);
            double?[] values = [.. Enumerable.Range(0, tokens).Select(i => i == 0 ? null : (double?)(-random.NextDouble() * 30))];
            TokenComparison?[] comparisons =
                [.. values.Select((value, i) => value is null || random.Next(4) == 0 ? null : (TokenComparison?)new TokenComparison(
                random.Next(5) == 0 ? double.PositiveInfinity : random.NextDouble(), random.Next(3) == 0 ? null : random.Next(2) == 0, null))];
            comparisons =
                [.. comparisons.Select(token => token is { SameFirst: not null } value ? value with { TopAgreement = random.NextDouble() } : token)];
            var score = new DocumentScore("\"a\"", round, values, [], round % 3 == 0 ? null : new(round % 2 == 0, comparisons));
            Assert.Equal(score.Totals, ScoreLine.Totals(ScoreLine.Write(score).AsMemory()[..^1], "line"));
        }
    }

    [Theory]
    [InlineData("", "own.jsonl ends after 0 lines; the corpus goes on with document \"a\".")]
    [InlineData("{\"logprobs\": [null, -1], \"id\": \"a\"}", "own.jsonl ends after 1 lines; the corpus goes on with document 2.")]
    [InlineData("{\"logprobs\": [null, -1], \"id\": \"b\"}", "own.jsonl, line 1 is of document \"b\"; expected \"a\", in the order of the corpus.")]
    [InlineData("{\"logprobs\": [null, -1, -1]}",
        "own.jsonl, line 1: logprobs has 3 entries and the document 2 tokens; the two engines have read other ids.")]
    [InlineData("{\"logprobs\": 1}", "own.jsonl, line 1: logprobs is not a list.")]
    [InlineData("{}", "own.jsonl, line 1: logprobs is not a list.")]
    [InlineData("{\"logprobs\": [null, 0.2]}", "own.jsonl, line 1: logprobs[1] holds 0.2; expected a log-probability, which is at most 0.")]
    [InlineData("{\"logprobs\": [null, 1e999]}", "own.jsonl, line 1: logprobs[1] holds 1e999; expected a log-probability, which is at most 0.")]
    [InlineData("{\"logprobs\": [null, \"x\"]}", "own.jsonl, line 1: logprobs[1] holds 'x'; expected a log-probability, which is at most 0.")]
    [InlineData("{\"logprobs\": [null, -1], \"top\": [null]}", "own.jsonl, line 1: top is not a list of 2 entries, one a token.")]
    [InlineData("{\"logprobs\": [null, -1], \"top\": 3}", "own.jsonl, line 1: top is not a list of 2 entries, one a token.")]
    [InlineData("{\"logprobs\": [null, -1], \"top\": [null, 3]}",
        "own.jsonl, line 1: top[1] is 3; expected an object of token ids and log-probabilities, or null.")]
    [InlineData("{\"logprobs\": [null, -1], \"top\": [null, {\" a\": -1}]}", "own.jsonl, line 1: top[1] has the key ' a'; expected a token id.")]
    [InlineData("{\"logprobs\": [null, -1], \"top\": [null, {\"01\": -1}]}", "own.jsonl, line 1: top[1] has the key '01'; expected a token id.")]
    [InlineData("{\"logprobs\": [null, -1], \"top\": [null, {\"64\": -1}]}", "own.jsonl, line 1: top[1] lists token 64; the model has ids 0 to 63.")]
    [InlineData("{\"logprobs\": [null, -1], \"top\": [null, {\"1\": null}]}",
        "own.jsonl, line 1: top[1] holds null; expected a log-probability, which is at most 0.")]
    [InlineData("{\"logprobs\": [null", "own.jsonl, line 1: the document is not valid JSON at byte 19.")]
    public void Lines_that_do_not_fit_are_named(string lines, string sentence)
    {
        using Transformer model = Model();
        string path = _folder.Write("own.jsonl", lines);
        var e = Assert.Throws<ScoringException>(() =>
            Score(model, [new(0, "\"a\"", new int[] { 1, 2 }, 1), new(1, "2", new int[] { 1, 2 }, 1)], path));
        Assert.Equal(sentence, e.Message);
    }

    [Fact]
    public void Rows_that_do_not_fit_are_named()
    {
        using Transformer model = Model();
        float[] logits = SmallModels.Logits(model, model.NewSequence(), Ids);
        ScoreDocument one = new(0, "1", Ids, 1);
        string Sentence<T>(string path, params ScoreDocument[] documents) where T : Exception =>
            Assert.Throws<T>(() => Score(model, documents, path)).Message;
        string rows = Rows(logits, Ids.Length);
        Assert.Equal("rows.safetensors holds rows of one document, and the corpus has several; give lines, one a document.",
            Sentence<ScoringException>(rows, one, one with { Number = 1 }));
        Assert.Equal("rows.safetensors has 14 rows and the document 4 tokens; expected a row for each token.",
            Sentence<ScoringException>(rows, one with { Ids = Ids.AsMemory(0, 4) }));
        Assert.Equal("wide.safetensors: tensor 'logits' is [13, 65]; expected rows of [64].",
            Sentence<CheckpointFormatException>(Rows(logits[..(13 * 65)], 13, 65, "wide.safetensors"), one));
        logits[70] = float.NaN;
        Assert.Equal("rows.safetensors, row 1: The logit of id 6 is not a number; no token can be chosen from such a row.",
            Sentence<ScoringException>(Rows(logits, Ids.Length), one));
        Assert.Equal($"There is no file '{_folder.File("none")}'.", Sentence<ScoringException>(_folder.File("none"), one));
        Assert.Equal($"{_folder.Path} is a folder; expected a file.", Sentence<ScoringException>(_folder.Path, one));
        Assert.Throws<CheckpointFormatException>(() => Score(model, [one], _folder.Write("bad", [1, 2, 3, 0, 0])));
    }
}
