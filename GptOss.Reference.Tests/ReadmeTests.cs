#pragma warning disable xUnit1051 // The samples are those of the page, to the letter.
using GptOss.Reference.Generation;
using GptOss.Reference.Harmony;
using GptOss.Reference.Model;
using GptOss.Reference.Tests.TestPlatform;
using GptOss.Reference.Tokens;
using Xunit;

namespace GptOss.Reference.Tests;

/// <summary>What README.md shows is run here, and what it links to is there.</summary>
public class ReadmeTests
{
    [Fact]
    public void The_ten_lines_of_the_library_answer_as_they_say()
    {
        // Line for line as in README.md, but for where the checkpoint lies and where the answer goes; the next test compares them.
        using var model = Transformer.Load(TestData.Tiny);
        Tokenizer tokenizer = model.Checkpoint.Tokenizer;
        int[] prompt = PublishedPrompt.Build(tokenizer, "What is the capital of Norway?", date: new DateOnly(2026, 11, 24));

        Sequence sequence = model.NewSequence();
        LogitsBuffer logits = new();                                                          // yours: no one else writes to it
        model.Forward(new BatchItem(sequence, prompt, LogitRows.Last), logits);               // logits[0][id] is that token's logit

        Assert.Equal((1, model.Config.VocabSize), (logits.Count, logits.Width));
        GenerationOptions options = new() { StopTokens = StopTokens.For(model, tokenizer), MaxTokens = 64 };
#pragma warning disable xUnit1051 // the line stands as in README.md, where nothing is cancelled
        GenerationResult answer = new Generator(model, tokenizer).Generate(prompt, options);
#pragma warning restore xUnit1051
        Assert.Equal("The capital of Norway is Oslo.", FinalChannel.Extract(tokenizer, answer.Ids.ToArray()));
    }

    [Fact]
    public void Those_lines_are_the_ones_above()
    {
        Assert.SkipWhen(Repository.Root is null, "The sources are not here.");
        string readme = File.ReadAllText(Path.Combine(Repository.Root!, "README.md"));
        string test = File.ReadAllText(Path.Combine(Repository.Root!, "GptOss.Reference.Tests", "ReadmeTests.cs"));
        string[] shown = Between(readme, "```csharp\n", "```").Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.InRange(shown.Length, 5, 12);
        foreach (string line in shown.Where(line => !line.Contains("Transformer.Load") && !line.StartsWith("Console", StringComparison.Ordinal)))
            Assert.Contains(line, test);
    }

    [Fact]
    public void Every_link_leads_to_a_file()
    {
        Assert.SkipWhen(Repository.Root is null, "The sources are not here.");
        string readme = File.ReadAllText(Path.Combine(Repository.Root!, "README.md"));
        List<string> links = [.. System.Text.RegularExpressions.Regex.Matches(readme, @"\]\(([^)#]+)\)").Select(match => match.Groups[1].Value)];
        Assert.True(links.Count > 9);
        Assert.All(links, link => Assert.True(Path.Exists(Path.Combine(Repository.Root!, link)), link));
    }

    private static string Between(string text, string start, string end)
    {
        int from = text.IndexOf(start, StringComparison.Ordinal) + start.Length;
        return text[from..text.IndexOf(end, from, StringComparison.Ordinal)];
    }
}
