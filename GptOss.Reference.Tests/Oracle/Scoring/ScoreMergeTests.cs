using FsCheck;
using FsCheck.Fluent;
using GptOss.Reference.Oracle.Scoring;
using GptOss.Reference.Tests.Checkpoints;
using Xunit;

namespace GptOss.Reference.Tests.Oracle.Scoring;

/// <summary>Parts that were scored apart are joined into what one run writes, or not at all.</summary>
public sealed class ScoreMergeTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    private string[] Parts(string text, int count, string name = "part") =>
        [.. Enumerable.Range(1, count).Select(index =>
        {
            string path = _folder.File($"{name}.{index}.jsonl");
            Corpora.Write(path, Corpora.Open(text, new(index, count)));
            return path;
        })];

    private string Sentence(params string[] parts) =>
        Assert.Throws<ScoringException>(() => ScoreMerge.Join(_folder.File("out"), parts, cancellation: Cancellation)).Message;

    [Fact]
    public void Parts_in_any_order_give_the_bytes_of_one_run() =>
        Prop.ForAll(Gen.Choose(0, 9).ToArbitrary(), Gen.Choose(1, 13).ToArbitrary(), Gen.Choose(0, int.MaxValue).ToArbitrary(), (documents, count, seed) =>
        {
            string text = Corpora.Random(seed, documents, longest: 5), name = Guid.NewGuid().ToString("N"), whole = _folder.File(name + ".whole"), joined = _folder.File(name + ".joined");
            Corpora.Write(whole, Corpora.Open(text));
            string[] parts = Parts(text, count, name);
            new Random(seed).Shuffle(parts);
            ScoreSummary summary = ScoreMerge.Join(joined, parts, cancellation: Cancellation);
            Assert.Equal(File.ReadAllBytes(whole), File.ReadAllBytes(joined));
            Assert.Equal(File.ReadAllBytes(whole + ".run"), File.ReadAllBytes(joined + ".run"));
            using ScoreFile one = ScoreFile.Open(whole, Corpora.RunOf(Corpora.Open(text)));
            Assert.Equal((one.Summary.Documents, one.Summary.Tokens, one.Summary.Bytes, one.Summary.LogProbability),
                (summary.Documents, summary.Tokens, summary.Bytes, summary.LogProbability));
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(8));

    [Fact]
    public void What_is_not_one_run_is_refused_in_one_sentence()
    {
        string text = Corpora.Random(1, 12, longest: 5);
        string[] parts = Parts(text, 4), others = Parts(text, 3, "three"), foreign = Parts(text + "\n", 4, "foreign");
        Assert.Equal("Part 3 of 4 is missing.", Sentence(parts[0], parts[1], parts[3]));
        Assert.Equal("Parts 1, 4 of 4 are missing.", Sentence(parts[2], parts[1]));
        Assert.Equal($"{parts[1]} is part 2/4, and so is {parts[1]}.", Sentence([.. parts, parts[1]]));
        Assert.Equal($"{others[1]} is part 2/3 and {parts[0]} part 1/4; the parts of one run belong together.", Sentence(parts[0], others[1]));
        Assert.Equal($"{foreign[1]} is of another corpus and {parts[0]} is not; the parts of one run belong together.", Sentence(parts[0], foreign[1]));
        Assert.Equal($"There is no file '{_folder.File("none")}'.", Sentence(_folder.File("none")));
        Assert.Equal("There are no parts to join.", Sentence());
        Assert.False(File.Exists(_folder.File("out")));

        string begun = _folder.File("begun.jsonl");
        Corpora.Write(begun, Corpora.Open(text), documents: 2);
        Assert.Equal($"{begun} is not finished; give its command again, and it goes on.", Sentence(begun));
        File.Delete(parts[0] + ".run");
        Assert.Equal($"{parts[0]} has no part.1.jsonl.run beside it, which says which part it is.", Sentence(parts));
    }

    [Fact]
    public void A_part_that_was_changed_is_noticed()
    {
        string[] parts = Parts(Corpora.Random(1, 12, longest: 5), 2);
        byte[] second = File.ReadAllBytes(parts[1]);
        File.WriteAllBytes(parts[1], second[..^1]);
        Assert.Matches(@"part\.2\.jsonl has \d+ whole lines and was written with \d+; it has been changed since\.$", Sentence(parts));
        File.WriteAllBytes(parts[1], [.. second, (byte)'{', (byte)'}', (byte)'\n']);
        Assert.StartsWith("part.2.jsonl, line ", Sentence(parts), StringComparison.Ordinal);
        Assert.False(File.Exists(_folder.File("out")));
    }

    [Fact]
    public void A_file_that_is_there_stays_unless_forced()
    {
        string[] parts = Parts(Corpora.Random(1, 3, longest: 5), 2);
        string target = _folder.Write("out", "mine");
        Assert.Equal($"{target} exists; give another file, or --force to replace it.", Sentence(parts));
        Assert.Equal("mine", File.ReadAllText(target));
        Assert.Equal(3, ScoreMerge.Join(target, parts, force: true, Cancellation).Documents);
        Assert.Equal($"{parts[0]} is one of the parts; give another file to write.",
            Assert.Throws<ScoringException>(() => ScoreMerge.Join(parts[0], parts, force: true, Cancellation)).Message);
    }
}
