using System.Globalization;
using System.Text;
using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Generation;
using GptOss.Reference.Oracle.Scoring;
using GptOss.Reference.Tests.Model;
using GptOss.Reference.Tokens;

namespace GptOss.Reference.Tests.Oracle.Scoring;

/// <summary>Corpora that are made in a test, and scores that no model gave.</summary>
internal static class Corpora
{
    internal static readonly GptOssConfig SmallestConfig = ConfigReader.Parse(SmallModels.Smallest, "config.json");

    internal static readonly Tokenizer TinyTokenizer = Tokenizer.ForCheckpoint(TestData.Tiny);

    /// <summary>Opens a corpus of the smallest model's ids.</summary>
    internal static Corpus Open(string text, CorpusPart? part = null) => Open(text, SmallestConfig, Tokenizer.O200kHarmony, part);

    internal static Corpus Open(string text, GptOssConfig config, Tokenizer tokenizer, CorpusPart? part = null, bool hasSpecials = false) =>
        Corpus.Open("corpus.jsonl", () => new MemoryStream(Encoding.UTF8.GetBytes(text)), config, tokenizer, part ?? CorpusPart.Whole, hasSpecials);

    /// <summary>Documents of up to <paramref name="longest"/> ids, with empty lines and keys that are none of ours among them.</summary>
    internal static string Random(int seed, int documents, int longest, int vocabulary = 64)
    {
        var random = new Random(seed);
        var text = new StringBuilder();
        for (int i = 0; i < documents; i++)
        {
            if (random.Next(5) == 0)
                text.Append(random.Next(2) == 0 ? "\n" : " \r\n");
            string id = random.Next(3) switch { 0 => "", 1 => $"\"id\": \"d\u2028{i}\", ", _ => $"\"id\": {i}.5, " };
            string ids = string.Join(", ", SmallModels.Ids(random.Next(longest + 1), vocabulary, random.Next()));
            text.Append(CultureInfo.InvariantCulture, $"{{{id}\"meta\": {{\"a\": [1]}}, \"ids\": [{ids}]}}").Append(i + 1 < documents || random.Next(2) == 0 ? "\n" : "");
        }
        return text.ToString();
    }

    /// <summary>Scores that depend on the document alone.</summary>
    internal static DocumentScore Made(ScoreDocument document)
    {
        double?[] values = [.. document.Ids.ToArray().Select((id, i) => i == 0 ? null : (double?)(-(id + 1) / 7.0 / i))];
        IReadOnlyList<TokenLogProbability>?[] top = [.. values.Select((value, i) => value is { } number ? (TokenLogProbability[])[new(i, number / 3), new(63, number)] : null)];
        return new(document.Id, document.Ids.Length * 2, values, top);
    }

    /// <summary>What a run of <see cref="Made"/> scores was made of.</summary>
    internal static ScoreRun RunOf(Corpus corpus) => new()
    {
        Corpus = corpus.Hash,
        Model = "model",
        Profile = "float32",
        Context = 131072,
        Top = 2,
        Special = false,
        Compare = null,
        Version = "1.0.0",
        Part = corpus.Part,
        Documents = corpus.Documents,
    };

    /// <summary>Scores a corpus into a file, as far as <paramref name="documents"/> of this run.</summary>
    internal static void Write(string path, Corpus corpus, int documents = int.MaxValue)
    {
        using ScoreFile file = ScoreFile.Open(path, RunOf(corpus));
        foreach (ScoreDocument document in corpus.Read(file.Next).Take(documents))
            file.Append(Made(document));
        if (file.Summary.Documents == corpus.Documents)
            file.Finish();
    }
}
