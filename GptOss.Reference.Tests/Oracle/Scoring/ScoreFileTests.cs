using GptOss.Reference.Oracle.Scoring;
using GptOss.Reference.Tests.Checkpoints;
using Xunit;

namespace GptOss.Reference.Tests.Oracle.Scoring;

/// <summary>However a run is interrupted, the file that it ends in has the same bytes; and it goes on with no other run's lines.</summary>
public sealed class ScoreFileTests : IDisposable
{
    private static readonly string Text = Corpora.Random(11, 6, longest: 3);
    private readonly TemporaryFolder _folder = new();

    private string Out => _folder.File("scores.jsonl");

    public void Dispose() => _folder.Dispose();

    private byte[] Whole()
    {
        string path = _folder.File("whole.jsonl");
        if (!File.Exists(path))
            Corpora.Write(path, Corpora.Open(Text));
        return File.ReadAllBytes(path);
    }

    [Fact]
    public void A_file_that_was_cut_anywhere_ends_in_the_same_bytes()
    {
        byte[] whole = Whole();
        Corpus corpus = Corpora.Open(Text);
        var expected = new ScoreSummary();
        foreach (ScoreDocument document in corpus.Read())
            expected.Add(Corpora.Made(document).Totals);
        Corpora.RunOf(corpus).Write(Out);
        int[] cuts =
            [.. Enumerable.Range(0, whole.Length + 1)
                .Where(cut =>
                    cut % 9 == 0 || cut == whole.Length || whole.AsSpan(Math.Max(0, cut - 2)..Math.Min(cut + 1, whole.Length)).Contains((byte)'\n'))];
        foreach (int cut in cuts)
        {
            File.WriteAllBytes(Out + ".partial", whole[..cut]);
            int lines = whole[..cut].Count(value => value == '\n');
            using (var file = ScoreFile.Open(Out, Corpora.RunOf(corpus)))
            {
                Assert.Equal((lines, false), (file.Summary.Documents, file.IsComplete));
                foreach (ScoreDocument document in corpus.Read(lines))
                    file.Append(Corpora.Made(document));
                file.Finish();
                Assert.Equal((expected.Documents, expected.Tokens, expected.LogProbability),
                    (file.Summary.Documents, file.Summary.Tokens, file.Summary.LogProbability));
            }
            Assert.Equal(whole, File.ReadAllBytes(Out));
            File.Delete(Out);
        }
        Assert.Equal(["scores.jsonl.run", "whole.jsonl", "whole.jsonl.run"], _folder.Names());
    }

    [Fact]
    public void A_run_that_stops_after_every_document_ends_in_the_same_bytes()
    {
        for (int i = 0; i < 6; i++)
        {
            Assert.False(File.Exists(Out));
            Corpora.Write(Out, Corpora.Open(Text), documents: 1);
        }
        Assert.Equal(Whole(), File.ReadAllBytes(Out));
        Assert.False(File.Exists(Out + ".partial"));
    }

    [Fact]
    public void A_finished_file_is_left_alone()
    {
        Corpora.Write(Out, Corpora.Open(Text));
        using var file = ScoreFile.Open(Out, Corpora.RunOf(Corpora.Open(Text)));
        Assert.Equal((true, 6), (file.IsComplete, file.Summary.Documents));
        Assert.Throws<ObjectDisposedException>(() => file.Append(Corpora.Made(Corpora.Open(Text).Read().First())));
        file.Finish();
        Assert.Equal(Whole(), File.ReadAllBytes(Out));
    }

    [Fact]
    public void Another_run_s_file_is_refused_unless_forced()
    {
        ScoreRun run = Corpora.RunOf(Corpora.Open(Text));
        (ScoreRun Other, string Difference)[] others =
        [
            (run with { Corpus = "x" }, "another corpus"),
            (run with { Model = "x" }, "another model"),
            (run with { Profile = "bfloat16" }, "a run with --profile float32"),
            (run with { Context = 7 }, "a run with --context 131072"),
            (run with { Top = 0 }, "a run with --top 2"),
            (run with { Special = true }, "a run without --special"),
            (run with { Compare = "x" }, "a run without --compare"),
            (run with { Version = "2.0.0" }, "version 1.0.0"),
            (run with { Part = new(2, 3) }, "part 1/1"),
        ];
        foreach (bool isFinished in new[] { false, true })
        {
            Corpora.Write(Out, Corpora.Open(Text), isFinished ? int.MaxValue : 3);
            string name = isFinished ? Out : Out + ".partial";
            byte[] before = File.ReadAllBytes(name);
            foreach ((ScoreRun other, string difference) in others)
            {
                Assert.Equal($"{name} exists and is from {difference}; give another file, or --force to start over.",
                    Assert.Throws<ScoringException>(() => ScoreFile.Open(Out, other)).Message);
            }
            Assert.Equal(before, File.ReadAllBytes(name));
        }
        File.Delete(Out + ".run");
        Assert.Equal($"{Out} exists and is from an unknown run, because its .run file is missing; give another file, or --force to start over.",
            Assert.Throws<ScoringException>(() => ScoreFile.Open(Out, run)).Message);

        using (var forced = ScoreFile.Open(Out, others[0].Other, force: true))
            Assert.Equal((0, false), (forced.Summary.Documents, forced.IsComplete));
        Assert.Equal(Whole(), File.ReadAllBytes(Out));                 // until the new one is finished
        Assert.Equal(others[0].Other, ScoreRun.Read(Out));
    }

    [Fact]
    public void Lines_of_which_nothing_is_known_go_on_where_the_last_one_comes_out_the_same()
    {
        byte[] whole = Whole();
        Corpus corpus = Corpora.Open(Text);
        for (int lines = 1; lines <= 6; lines++)
        {
            string[] kept = File.ReadAllLines(_folder.File("whole.jsonl"))[..lines];
            File.WriteAllText(Out + ".partial", string.Join('\n', kept) + "\n{");
            Corpora.Write(Out, corpus);
            Assert.Equal(whole, File.ReadAllBytes(Out));
            Assert.Equal(Corpora.RunOf(corpus), ScoreRun.Read(Out));
            File.Delete(Out);
            File.Delete(Out + ".run");

            kept[^1] = kept[^1].Replace("\"bytes\":", "\"bytes\":1", StringComparison.Ordinal);
            File.WriteAllText(Out + ".partial", string.Join('\n', kept) + "\n");
            Assert.Equal($"{Out}.partial is there, and its line {lines} is not what this run gives; give another file, or --force to start over.",
                Assert.Throws<ScoringException>(() => Corpora.Write(Out, corpus)).Message);
            Assert.Equal(kept, File.ReadAllLines(Out + ".partial"));
            Assert.False(File.Exists(Out + ".run"));
        }
    }

    [Theory]
    [InlineData("{\"id\": 1}\n",
        "scores.jsonl.partial, line 1: this is not a line of scores; expected id, tokens, bytes, logprob (at most 0), logprobs and top.")]
    [InlineData("{\"id\": 1, \"tokens\": 2, \"bytes\": 1, \"logprob\": 0.5}\n",
        "scores.jsonl.partial, line 1: this is not a line of scores; expected id, tokens, bytes, logprob (at most 0), logprobs and top.")]
    [InlineData("\n", "scores.jsonl.partial, line 1: the line is empty; expected a JSON object.")]
    [InlineData("{\"tokens\": 1, \"bytes\": 1, \"logprob\": 0, \"kl\": [1, 2]}\n",
        "scores.jsonl.partial, line 1: this is not a comparison of 1 tokens.")]
    public void Lines_that_are_no_scores_are_named(string lines, string sentence)
    {
        Corpora.RunOf(Corpora.Open(Text)).Write(Out);
        File.WriteAllText(Out + ".partial", lines);
        Assert.Equal(sentence, Assert.Throws<ScoringException>(() => ScoreFile.Open(Out, Corpora.RunOf(Corpora.Open(Text)))).Message);
        Assert.Equal(lines, File.ReadAllText(Out + ".partial"));
    }

    [Fact]
    public void More_lines_than_documents_are_refused()
    {
        Corpora.RunOf(Corpora.Open(Text)).Write(Out);
        File.WriteAllBytes(Out + ".partial", [.. Whole(), .. Whole()]);
        Assert.Equal($"{Out}.partial has more lines than the 6 documents; --force starts over.",
            Assert.Throws<ScoringException>(() => ScoreFile.Open(Out, Corpora.RunOf(Corpora.Open(Text)))).Message);
    }

    [Fact]
    public void Two_runs_do_not_write_one_file()
    {
        ScoreRun run = Corpora.RunOf(Corpora.Open(Text));
        using var first = ScoreFile.Open(Out, run);
        var e = Assert.Throws<IOException>(() => ScoreFile.Open(Out, run));
        Assert.StartsWith($"{Out}.partial cannot be written; another run may be writing it: ", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("{\"corpus\": 1}")]
    public void A_record_that_is_none_is_refused(string record)
    {
        _folder.Write("scores.jsonl", "");
        _folder.Write("scores.jsonl.run", record);
        Assert.StartsWith("scores.jsonl.run: ", Assert.Throws<ScoringException>(() => ScoreFile.Open(Out, Corpora.RunOf(Corpora.Open(Text)))).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_that_is_missing_is_named()
    {
        string path = _folder.File("none/scores.jsonl");
        Assert.Equal($"There is no folder for '{path}.partial'.",
            Assert.Throws<ScoringException>(() => ScoreFile.Open(path, Corpora.RunOf(Corpora.Open(Text)))).Message);
        Assert.Equal($"{_folder.Path} is a folder; expected a file to write.",
            Assert.Throws<ScoringException>(() => ScoreFile.Open(_folder.Path, Corpora.RunOf(Corpora.Open(Text)))).Message);
    }
}
