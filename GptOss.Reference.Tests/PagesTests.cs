using System.Text.Json;
using System.Text.RegularExpressions;
using GptOss.Reference.Chat;
using GptOss.Reference.Generation;
using GptOss.Reference.Oracle.Packs;
using GptOss.Reference.Tests.Checkpoints;
using GptOss.Reference.Tests.TestPlatform;
using Xunit;

namespace GptOss.Reference.Tests;

/// <summary>
/// The C# samples of the pages stand line for line in samples/Documentation, which sees what is public; they run here, and print what the pages show.
/// </summary>
public partial class PagesTests
{
    private static readonly Dictionary<string, string> Samples = new()
    {
        ["README.md"] = "Readme.cs",
        ["docs/hooks.md"] = "Hooks.cs",
        ["docs/serving.md"] = "Serving.cs",
        ["docs/structured-outputs.md"] = "StructuredOutputs.cs",
        ["GptOss.Reference/Chat/README.md"] = "Chat.cs",
        ["GptOss.Reference/Oracle/README.md"] = "Oracle.cs",
    };

    [Fact]
    public void Every_sample_of_a_page_is_compiled()
    {
        string[] pages = [.. Directory.EnumerateFiles(Root, "*.md", SearchOption.AllDirectories)
            .Select(path => Path.GetRelativePath(Root, path).Replace('\\', '/'))
            .Where(path => !MadePattern().IsMatch(path) && CodePattern().IsMatch(Page(path)))];
        Assert.Equal(Samples.Keys.Order(StringComparer.Ordinal), pages.Order(StringComparer.Ordinal));
        foreach ((string page, string file) in Samples)
        {
            string compiled = Squeezed(File.ReadAllText(Path.Combine(Root, "samples", "Documentation", file)));
            foreach (Match sample in CodePattern().Matches(Page(page)))
                Assert.Contains(Squeezed(LiteralPattern().Replace(sample.Groups[1].Value, literal => Parameter(literal.Value))), compiled);
        }
    }

    [Fact]
    public void The_ten_lines_of_the_library_answer_as_they_say()
    {
        Documentation.Console.Begin();
        Documentation.Readme.Run(TestData.Tiny);
        Assert.Equal("The capital of Norway is Oslo.\n", Documentation.Console.Take());
    }

    [Fact]
    public void The_samples_of_hooks_print_what_the_page_shows()
    {
        MatchCollection outputs = OutputPattern().Matches(Page("docs/hooks.md"));
        int shown = 0;
        Documentation.Console.Begin();
        Documentation.Hooks.Run(TestData.Tiny, sample =>
        {
            Assert.Equal(outputs[sample].Groups[1].Value, Documentation.Console.Take());
            shown++;
        });
        Assert.Equal((5, 5), (outputs.Count, shown));
    }

    [Fact]
    public async Task The_samples_of_structured_outputs_are_held_to_their_schemas()
    {
        JsonElement[] cities = await Documentation.StructuredOutputs.ConverseAsync(TestData.Tiny);
        Assert.InRange(cities.Length, 1, 3);
        Assert.Subset(new HashSet<string?> { "Oslo", "Paris", "Rome" }, cities.Select(city => city.GetString()).ToHashSet());
        GenerationResult call = Documentation.StructuredOutputs.Call(TestData.Tiny);
        Assert.Contains("to=functions.get_weather", call.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_sample_of_a_conversation_has_two_turns()
    {
        Documentation.Console.Begin();
        TurnResult next = await Documentation.Chat.RunAsync(TestData.Tiny);
        Assert.NotEqual("", Documentation.Console.Take());
        Assert.InRange(next.ReusedTokens, 1, next.PromptTokens - 1);
    }

    [Fact]
    public void The_sample_of_the_oracle_passes_a_pack_and_writes_a_trace()
    {
        using var folder = new TemporaryFolder();
        Documentation.Console.Begin();
        string hash = Documentation.Oracle.Run(TestData.Tiny, TestData.Golden("shape-base"), folder.File("trace"), Enumerable.Range(1, 24).ToArray());
        Assert.StartsWith("True\n", Documentation.Console.Take(), StringComparison.Ordinal);
        Assert.Equal(hash, GoldenPack.Open(folder.File("trace")).LogitsHash);
    }

    private static string Root
    {
        get
        {
            Assert.SkipWhen(Repository.Root is null, "The pages are not here.");
            return Repository.Root!;
        }
    }

    private static string Page(string path) => File.ReadAllText(Path.Combine(Root, path));

    private static string Parameter(string literal) => literal switch
    {
        "\"testdata/tiny-gpt-oss\"" => "checkpoint",
        "\"testdata/goldens/shape-base\"" => "pack",
        "\"trace\"" => "folder",
        _ => literal,
    };

    private static string Squeezed(string text) => string.Join('\n', text.Split('\n').Select(line => line.Trim()).Where(line => line.Length > 0));

    [GeneratedRegex("(?:^|/)(?:bin|obj|node_modules)/")]
    private static partial Regex MadePattern();

    [GeneratedRegex("```csharp\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex CodePattern();

    [GeneratedRegex("```text\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex OutputPattern();

    [GeneratedRegex("\"(?:testdata/tiny-gpt-oss|testdata/goldens/shape-base|trace)\"")]
    private static partial Regex LiteralPattern();
}
