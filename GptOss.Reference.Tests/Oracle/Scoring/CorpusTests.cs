using FsCheck;
using FsCheck.Fluent;
using GptOss.Reference.Checkpoints;
using GptOss.Reference.Oracle.Scoring;
using GptOss.Reference.Tokens;
using Xunit;

namespace GptOss.Reference.Tests.Oracle.Scoring;

/// <summary>A corpus is read line by line, every line is checked first, and parts are a partition of it.</summary>
public class CorpusTests
{
    [Fact]
    public void Documents_have_their_ids_and_their_names()
    {
        const string text = "\uFEFF{\"ids\": [1, 2], \"id\": \"a \\u00e9\\\"\u2028\"}\r\n\n  \n{\"id\": 12e3, \"ids\": []}\n{\"ids\": [63], " +
            "\"other\": {\"text\": 1}}";
        Corpus corpus = Corpora.Open(text);
        ScoreDocument[] documents = [.. corpus.Read()];
        Assert.Equal(["\"a é\\\"\\u2028\"", "12e3", "5"], documents.Select(document => document.Id));
        Assert.Equal([[1, 2], [], [63]], documents.Select(document => document.Ids.ToArray()));
        Assert.Equal([0L, 1, 2], documents.Select(document => document.Number));
        Assert.Equal((3, 3), (corpus.Documents, corpus.AllDocuments));
        Assert.Equal([2L], corpus.Read(skip: 2).Select(document => document.Number));
    }

    [Fact]
    public void Text_is_encoded_with_special_tokens_where_asked()
    {
        const string text = """{"text": "<|start|>user"}""";
        using var model = Checkpoint.Open(TestData.Tiny);
        int[] Ids(bool hasSpecials) =>
            Corpora.Open(text, model.Config, Corpora.TinyTokenizer, hasSpecials: hasSpecials).Read().Single().Ids.ToArray();
        Assert.Equal(Corpora.TinyTokenizer.Encode("<|start|>user"), Ids(false));
        Assert.Equal(Corpora.TinyTokenizer.EncodeWithSpecials("<|start|>user"), Ids(true));
    }

    [Theory]
    [InlineData("{\"ids\": [1]", "the document is not valid JSON at byte 12.")]
    [InlineData("[1]", "the document is a list; expected an object.")]
    [InlineData("{}", "there is neither text nor ids.")]
    [InlineData("{\"text\": \"a\", \"ids\": [1]}", "there are both text and ids; give one of them.")]
    [InlineData("{\"text\": 3}", "text is 3; expected a string.")]
    [InlineData("{\"text\": \"a\"}", "the model has 64 token ids and its tokenizer 201088, so text cannot be encoded for it; give ids.")]
    [InlineData("{\"ids\": 3}", "ids is 3; expected a list of token ids.")]
    [InlineData("{\"ids\": [1, 2.5]}", "ids[1] is 2.5; expected a token id.")]
    [InlineData("{\"ids\": [\"1\"]}", "ids[0] is '1'; expected a token id.")]
    [InlineData("{\"ids\": [1, 64]}", "ids[1] is 64; the model has ids 0 to 63.")]
    [InlineData("{\"ids\": [-1]}", "ids[0] is -1; the model has ids 0 to 63.")]
    [InlineData("{\"ids\": [], \"id\": null}", "id is null; expected a string or a number.")]
    [InlineData("{\"ids\": [], \"ids\": []}", "the document has two equal keys in one object.")]
    [InlineData("{\"ids\": [], \"id\": \"\\ud800\"}", "the document holds text that is not Unicode.")]
    public void A_line_that_is_no_document_is_named(string line, string sentence)
    {
        ScoringException e = Assert.Throws<ScoringException>(() => Corpora.Open("{\"ids\": [1]}\n\n" + line + "\n{\"ids\": [2]}\n"));
        Assert.Equal("corpus.jsonl, line 3: " + sentence, e.Message);
        // Also where it is none of the part's lines: every part of a bad corpus says the same.
        Assert.Equal(e.Message,
            Assert.Throws<ScoringException>(() => Corpora.Open("{\"ids\": [1]}\n\n" + line + "\n{\"ids\": [2]}\n", new(1, 50))).Message);
    }

    [Theory]
    [InlineData("{\"ids\": [1], \"id\": \"a\"}\n{\"ids\": [2], \"id\": \"\\u0061\"}\n", "\"a\"")]
    [InlineData("{\"ids\": [1], \"id\": 7}\n{\"ids\": [2], \"id\": 7}\n", "7")]
    public void An_id_that_occurs_twice_is_named(string text, string id)
    {
        string sentence = $"corpus.jsonl, line 2: the id {id} occurs in a line before; it names a document's scores.";
        Assert.Equal(sentence, Assert.Throws<ScoringException>(() => Corpora.Open(text)).Message);
        Assert.Equal(sentence, Assert.Throws<ScoringException>(() => Corpora.Open(text, new(1, 50))).Message);
        Assert.Equal(2,
            Corpora.Open(text.Replace("\"id\": 7}\n{", "\"id\": \"7\"}\n{", StringComparison.Ordinal)
                .Replace("\\u0061", "b", StringComparison.Ordinal)).Documents);
    }

    [Theory]
    [InlineData("7BFF7D", 1, 1, "FF")]                                     // {, FF, }
    [InlineData("EFBBBF7BFF7D", 1, 4, "FF")]                               // the same after a byte-order mark
    [InlineData("7B22696473223A5B315D7D0A0A7B22C3297D", 3, 15, "C3")]      // {"ids":[1]} and an empty line first, then a character cut short
    [InlineData("7B22E282", 1, 2, "E2")]                                   // cut short by the end of the file
    public void A_byte_that_is_not_UTF_8_is_named_by_its_place_in_the_file(string bytes, int line, int position, string value)
    {
        ScoringException e =
            Assert.Throws<ScoringException>(() => Corpus.Open("c", () => new MemoryStream(Convert.FromHexString(bytes)), Corpora.SmallestConfig,
            Tokenizer.O200kHarmony, CorpusPart.Whole, cancellation: TestContext.Current.CancellationToken));
        Assert.Equal($"c, line {line}: byte {position} of the file is 0x{value}, which is not UTF-8 there.", e.Message);
    }

    [Fact]
    public void Parts_are_a_partition_in_order() =>
        Prop.ForAll(Gen.Choose(0, 25).ToArbitrary(), Gen.Choose(1, 40).ToArbitrary(), Gen.Choose(0, int.MaxValue).ToArbitrary(),
            (documents, parts, seed) =>
        {
            string text = Corpora.Random(seed, documents, longest: 9);
            Corpus whole = Corpora.Open(text);
            Corpus[] all = [.. Enumerable.Range(1, parts).Select(index => Corpora.Open(text, new(index, parts)))];
            Assert.Equal(documents, whole.Documents);
            Assert.Equal(whole.LineBytes, all.Sum(part => part.LineBytes));
            Assert.All(all,
                part => Assert.Equal((part.Documents, whole.Documents, whole.Hash), (part.Read().LongCount(), part.AllDocuments, part.Hash)));
            Assert.Equal(whole.Read().Select(document => (document.Number, document.Id)), all.SelectMany(part => part.Read())
                .Select(document => (document.Number, document.Id)));
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Parts_have_about_the_same_bytes()
    {
        string text = Corpora.Random(3, 2000, longest: 40);
        Assert.All(Enumerable.Range(1, 7),
            index => Assert.InRange(Corpora.Open(text, new(index, 7)).LineBytes, text.Length / 7 - 500, text.Length / 7 + 500));
    }

    [Fact]
    public void A_corpus_that_changes_is_noticed()
    {
        string text = "{\"ids\": [1]}\n";
        var corpus = Corpus.Open("c", () => new MemoryStream(System.Text.Encoding.UTF8.GetBytes(text)), Corpora.SmallestConfig,
            Tokenizer.O200kHarmony, CorpusPart.Whole, cancellation: TestContext.Current.CancellationToken);
        text += text;
        Assert.Equal("c has been changed while it was read: it had 1 documents, and now 2.",
            Assert.Throws<ScoringException>(() => corpus.Read().Count()).Message);
    }

    [Fact]
    public void Lines_of_any_length_come_whole()
    {
        var random = new Random(1);
        for (int round = 0; round < 4; round++)
        {
            byte[][] lines = [.. Enumerable.Range(0, random.Next(1, 8)).Select(_ => new byte[random.Next(3) * random.Next(100_000)])];
            foreach (byte[] line in lines)
                Array.Fill(line, (byte)('a' + random.Next(26)));
            bool isComplete = random.Next(2) == 0 || lines[^1].Length == 0;
            byte[] all = [.. lines.SelectMany((line, i) => i < lines.Length - 1 || isComplete ? [.. line, (byte)'\n'] : line)];
            (byte[], long, bool)[] read =
                [.. ByteLines.Read(new MemoryStream(all), "c").Select(line => (line.Bytes.ToArray(), line.Start, line.IsComplete))];
            Assert.Equal(lines, read.Select(line => line.Item1));
            Assert.Equal(lines.Select((_, i) => lines.Take(i).Sum(line => line.Length + 1L)), read.Select(line => line.Item2));
            Assert.Equal(lines.Select((_, i) => i < lines.Length - 1 || isComplete), read.Select(line => line.Item3));
        }
    }

    [Theory]
    [InlineData("1/1", 1, 1)]
    [InlineData("3/8", 3, 8)]
    [InlineData("1000000/1000000", 1000000, 1000000)]
    public void A_part_is_i_of_n(string text, int index, int count)
    {
        Assert.True(CorpusPart.TryParse(text, out CorpusPart part));
        Assert.Equal((index, count, text), (part.Index, part.Count, part.ToString()));
    }

    [Theory]
    [InlineData("")]
    [InlineData("3")]
    [InlineData("0/8")]
    [InlineData("9/8")]
    [InlineData("-1/8")]
    [InlineData("1/8/2")]
    [InlineData("1 /8")]
    [InlineData("1/1000001")]
    [InlineData("1/99999999999")]
    public void Anything_else_is_none(string text) => Assert.False(CorpusPart.TryParse(text, out _));
}
