using System.Text;
using System.Text.RegularExpressions;
using GptOss.Reference.Generation;
using GptOss.Reference.Model;
using GptOss.Reference.Model.Stages;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Oracle.Packs;
using GptOss.Reference.Oracle.Scoring;
using GptOss.Reference.Oracle.Stages;
using GptOss.Reference.Oracle.Traces;
using GptOss.Reference.Tests.Model;
using GptOss.Reference.Tokens;
using Xunit;

namespace GptOss.Reference.Tests.Oracle.Scoring;

/// <summary>
/// A document has the same log-probabilities alone and in company, and they are those of a token after the ones that its window holds.
/// </summary>
public class ScorerTests(SmallModels models) : IClassFixture<SmallModels>
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private static string Lines(Transformer model, string corpus, ScoreOptions options) => string.Concat(
        new Scorer(model, Tokenizer.O200kHarmony, options).Score(Corpora.Open(corpus).Read(), Cancellation).Select(score => score.ToJson() + "\n"));

    [Fact]
    public void Batch_and_threads_change_no_byte()
    {
        string few = Corpora.Random(5, 20, longest: 30) + "\n", nameless = Regex.Replace(few, "\"id\": [^,]*, ", "");
        string many = few + $"{{\"ids\": [{string.Join(", ", SmallModels.Ids(530, 64, 6))}]}}\n" + nameless;
        using Transformer one = SmallModels.Load(models.Write(SmallModels.Smallest, 1)),
            two = SmallModels.Load(models.Write(SmallModels.Smallest, 1), threads: 2);
        foreach ((string corpus, int? context) in ((string, int?)[])[(many, null), (few, 7)])
        {
            string expected = Lines(one, corpus, new() { Context = context, Top = 3, Batch = 1 });
            foreach (int batch in (int[])[2, 5, 1000])
                Assert.Equal(expected, Lines(batch == 5 ? one : two, corpus, new() { Context = context, Top = 3, Batch = batch }));
        }
    }

    [Fact]
    public void A_model_whose_context_is_one_token_cannot_score()
    {
        string shape = SmallShapes.SixteenPositions.Replace("context_length\": 16", "context_length\": 1", StringComparison.Ordinal);
        using Transformer model = SmallModels.Load(models.Write(shape, 1));
        Assert.Equal("The model's context holds 1 token; a token is scored by those before it, so 2 are needed.", Assert.Throws<ScoringException>(
            () => new Scorer(model, Tokenizer.O200kHarmony, new()).Score([], Cancellation)).Message);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(9)]
    [InlineData(24)]
    public void Every_token_has_the_value_of_a_run_of_its_own(int context)
    {
        using Transformer model = SmallModels.Load(models.Write(SmallModels.Short, 2));
        int[] ids = SmallModels.Ids(57, 64, 4);
        DocumentScore score = new Scorer(model, Tokenizer.O200kHarmony, new() { Context = context, Top = 64 })
            .Score([new(0, "1", ids, 1)], Cancellation).Single();
        Assert.Null(score.LogProbabilities[0]);
        Assert.Null(score.Top[0]);
        for (int token = 1; token < ids.Length; token++)
        {
            int start = 0;
            while (start + context <= token)
                start += context / 2;
            float[] row = model.Forward(new BatchItem(model.NewSequence(), ids.AsMemory(start, token - start), LogitRows.Last))[0].ToArray();
            double lnSum = Math.Log(row.Sum(logit => Math.Exp(logit)));
            Assert.Equal(row[ids[token]] - lnSum, score.LogProbabilities[token]!.Value, 1e-12);
            Assert.Equal(row.Select((logit, id) => (logit, id)).OrderByDescending(t => t.logit).ThenBy(t => t.id).Select(t => t.id),
                score.Top[token]!.Select(t => t.Id));
            Assert.All(score.Top[token]!, top => Assert.Equal(row[top.Id] - lnSum, top.LogProbability, 1e-12));
        }
        Assert.Equal(score.LogProbabilities.Sum(value => value ?? 0), score.LogProbability);
    }

    [Fact]
    public void The_windows_of_a_document_score_every_token_once()
    {
        for (int context = 2; context < 20; context++)
        {
            for (int tokens = 0; tokens < 70; tokens++)
            {
                Window[] windows = [.. Window.Of(tokens, context)];
                Assert.Equal(Enumerable.Range(1, Math.Max(0, tokens - 1)),
                    windows.SelectMany(window => Enumerable.Range(window.FirstScored, window.End - window.FirstScored)));
                Assert.All(windows, window => Assert.InRange(window.End - window.Start, 2, context));
                for (int i = 1; i < windows.Length; i++)
                {
                    Assert.Equal(context / 2, windows[i].Start - windows[i - 1].Start);
                    Assert.InRange(windows[i].FirstScored - windows[i].Start, context / 2, context);
                }
            }
        }
    }

    [Fact]
    public void Values_agree_with_the_recorded_logits_of_the_published_model()
    {
        var pack = GoldenPack.Open(TestData.Golden("tiny-trace"));
        using var model = Transformer.Load(TestData.Tiny, new() { Threads = 1 });
        int[] ids = [.. pack.Ids];
        var key = new StageKey(Stage.Logits, -1);
        StageRows recorded = pack.ReadTrace(Precision.Float32, model.Config).Find(key)!;
        DocumentScore score = new Scorer(model, Corpora.TinyTokenizer, new()).Score([new(0, "1", ids, 1)], Cancellation).Single();
        for (int token = 1; token < ids.Length; token++)
        {
            float[] row = recorded[token - 1].ToArray();
            double rms = Math.Sqrt(row.Sum(logit => (double)logit * logit) / row.Length), lnSum = Math.Log(row.Sum(logit => Math.Exp(logit)));
            // of the logit, and of their mean
            double allowed = 2 * rms * Budgets.Published.Float32.Of(key, token - 1, model.Rotary, model.Config);
            Assert.InRange(score.LogProbabilities[token]!.Value, row[ids[token]] - lnSum - allowed, row[ids[token]] - lnSum + allowed);
        }
    }

    [Fact]
    public void Bytes_are_the_text_of_the_scored_tokens()
    {
        using var model = Transformer.Load(TestData.Tiny, new() { Threads = 1 });
        const string text = "Öslo 💖 is the capital.";
        int[] ids = Corpora.TinyTokenizer.Encode(text);
        DocumentScore[] scores = [.. new Scorer(model, Corpora.TinyTokenizer, new()).Score(
            [new(0, "1", ids, 1), new(1, "2", (int[])[4084, .. ids, 4085, 4084], 1), new(2, "3", ids.AsMemory(0, 1), 1), new(3, "4", default, 1)],
            Cancellation)];
        int all = Encoding.UTF8.GetByteCount(text);
        Assert.Equal([all - Corpora.TinyTokenizer.TokenBytes(ids[0]).Length, all, 0, 0], scores.Select(score => score.Bytes));
        Assert.Equal([ids.Length, ids.Length + 3, 1, 0], scores.Select(score => score.Tokens));
        Assert.Equal("""{"id":3,"tokens":1,"bytes":0,"logprob":0,"logprobs":[null],"top":[]}""", scores[2].ToJson());
        Assert.Equal("""{"id":4,"tokens":0,"bytes":0,"logprob":0,"logprobs":[],"top":[]}""", scores[3].ToJson());
    }

    [Fact]
    public void A_summary_is_perplexity_and_bits_per_byte()
    {
        var summary = new ScoreSummary();
        Assert.Equal((null, null), (summary.Perplexity, summary.BitsPerByte));
        summary.Add(new(3, 5, -4, null));
        summary.Add(new(0, 0, 0, null));
        summary.Add(new(1, 0, 0, null));
        summary.Add(new(2, 3, -2, null));
        Assert.Equal((4, 6, 3, 8, -6), (summary.Documents, summary.Tokens, summary.ScoredTokens, summary.Bytes, summary.LogProbability));
        Assert.Equal(Math.Exp(2), summary.Perplexity!.Value, 1e-13);
        Assert.Equal(6 / Math.Log(2) / 8, summary.BitsPerByte!.Value, 1e-14);
    }

    [Fact]
    public void Progress_adds_up_to_the_work()
    {
        using Transformer model = SmallModels.Load(models.Write(SmallModels.Smallest, 1));
        double bytes = 0;
        int tokens = 0;
        var options = new ScoreOptions { Context = 8, Read = (line, count) => (bytes, tokens) = (bytes + line, tokens + count) };
        Assert.Single(new Scorer(model, Tokenizer.O200kHarmony, options).Score([new(0, "1", SmallModels.Ids(20, 64, 1), 100)], Cancellation));
        Assert.Equal(4 * 7, tokens);                   // windows at 0, 4, 8 and 12, none of which feeds its last token
        Assert.Equal(100, bytes, 1e-9);
    }

    [Fact]
    public void Many_documents_without_windows_wait_for_nobody()
    {
        using Transformer model = SmallModels.Load(models.Write(SmallModels.Smallest, 1));
        ScoreDocument[] documents =
            [.. Enumerable.Range(0, 3000).Select(i => new ScoreDocument(i, ScoreJson.Number(i), i == 1 ? new int[] { 1, 2 } : [], 1))];
        Assert.Equal(documents.Select(document => document.Id), new Scorer(model, Tokenizer.O200kHarmony, new()).Score(documents, Cancellation)
            .Select(score => score.Id));
    }

    [Fact]
    public void A_row_that_is_no_number_names_document_and_token()
    {
        string folder = models.Patch(models.Write(SmallModels.Smallest, 1), "norm.scale", 0, [0xC0, 0x7F]);
        using Transformer model = SmallModels.Load(folder, threads: 2);
        var e = Assert.Throws<LogitsException>(() =>
            new Scorer(model, Tokenizer.O200kHarmony, new()).Score([new(0, "\"x\"", new int[] { 1, 2, 3 }, 1)], Cancellation).Count());
        Assert.StartsWith("Document \"x\", token 1: The logit of id 0 is not a number", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(25)]
    public void A_context_that_cannot_be_is_refused(int context)
    {
        using Transformer model = SmallModels.Load(models.Write(SmallModels.Short, 2));
        Assert.Throws<ArgumentOutOfRangeException>(() =>
            new Scorer(model, Tokenizer.O200kHarmony, new() { Context = context }).Score([], Cancellation));
    }
}
