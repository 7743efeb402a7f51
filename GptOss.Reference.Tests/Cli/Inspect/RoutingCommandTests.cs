using System.Globalization;
using System.Text.Json;
using System.Xml.Linq;
using GptOss.Cli.Inspect;
using GptOss.Reference.Tests.Checkpoints;
using Xunit;
using static GptOss.Reference.Tests.Cli.CommandLine;

namespace GptOss.Reference.Tests.Cli.Inspect;

/// <summary><c>trace --routing</c>, <c>--replay</c> and <c>inspect --routing</c>.</summary>
public sealed class RoutingCommandTests : IDisposable
{
    private const string Prompt = "<|start|>user<|message|>a <b> & \"c\"<|end|>";

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Routing_is_traced_alone_or_with_stages_and_replays_to_the_same_hash()
    {
        string file = _folder.File("r.jsonl"), again = _folder.File("again.jsonl"), folder = _folder.File("trace");
        Answer alone = Run("trace", "--model", TestData.Tiny, "--routing", file, Prompt);
        Assert.Equal((0, ""), (alone.Code, alone.Error));
        Answer both = Run("trace", "--model", TestData.Tiny, "--routing", again, "--out", folder, Prompt);
        Assert.Equal((0, alone.Out), (both.Code, both.Out));
        Assert.Equal(File.ReadAllBytes(file), File.ReadAllBytes(again));

        Answer replayed = Run("trace", "--model", TestData.Tiny, "--replay", file, "--out", folder, "--force", Prompt);
        Assert.Equal((0, alone.Out), (replayed.Code, replayed.Out));
        Assert.Equal($"The replay changed 0 of {6 * File.ReadAllLines(file).Length} choices.", replayed.Sentence);
        using JsonDocument manifest = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "manifest.json")));
        Assert.Equal(0, manifest.RootElement.GetProperty("replay").GetProperty("changed").GetInt32());
    }

    [Fact]
    public void A_replay_of_another_engine_s_choices_says_what_it_changed()
    {
        string file = _folder.File("r.jsonl");
        Run("trace", "--model", TestData.Tiny, "--routing", file, Prompt);
        string[] lines = File.ReadAllLines(file);
        JsonElement token = JsonDocument.Parse(lines[3]).RootElement;
        int[][] experts = [.. token.GetProperty("experts").EnumerateArray().Select(list => list.EnumerateArray().Select(e => e.GetInt32()).ToArray())];
        experts[2][3] = token.GetProperty("next")[2].GetInt32();
        lines[3] = JsonSerializer.Serialize(new { experts });
        string theirs = _folder.Write("theirs.jsonl", string.Join('\n', lines));
        Answer answer = Run("trace", "--model", TestData.Tiny, "--replay", theirs, "--routing", _folder.File("forced.jsonl"), Prompt);
        Assert.Equal(0, answer.Code);
        Assert.Matches(@"^The replay changed \d+ of \d+ choices, first at position 3 in layer 2\.$", answer.Sentence);
        JsonElement forced = JsonDocument.Parse(File.ReadAllLines(_folder.File("forced.jsonl"))[3]).RootElement;
        Assert.Equal(experts[2].Order(), forced.GetProperty("experts")[2].EnumerateArray().Select(e => e.GetInt32()).Order());
        Assert.True(forced.GetProperty("margins")[2].GetDouble() < 0);

        Answer load = Run("inspect", "--routing", "--model", TestData.Tiny, "--replay", theirs, "--json", Prompt);
        Assert.Equal(answer.Sentence, load.Sentence);
    }

    [Fact]
    public void What_cannot_be_traced_is_one_sentence()
    {
        string file = _folder.Write("r.jsonl", "{}");
        Assert.Equal(new(2, "", "Give --out, --routing or both, for what is traced.\n"), Run("trace", "--model", TestData.Tiny, Prompt));
        Assert.Equal(new(2, "", $"{file} exists; give another name, or --force to replace it.\n"), Run("trace", "--model", TestData.Tiny, "--routing", file, Prompt));
        Assert.Equal(new(2, "", "--stages says what --out holds; give a folder with --out.\n"),
            Run("trace", "--model", TestData.Tiny, "--routing", _folder.File("new"), "--stages", "logits", Prompt));
        Assert.Equal(new(3, "", "r.jsonl, line 1: experts is missing; expected a list with the experts of every layer.\n"),
            Run("trace", "--model", TestData.Tiny, "--routing", _folder.File("new"), "--replay", file, Prompt));
        Assert.Equal(3, Run("trace", "--model", TestData.Tiny, "--routing", _folder.File("no/folder"), Prompt).Code);
        Assert.Equal(["r.jsonl"], _folder.Names());
    }

    [Fact]
    public void Inspect_prints_a_table_or_an_object()
    {
        string text = _folder.Write("text.txt", Prompt);
        Answer table = Run("inspect", "--routing", "--model", TestData.Tiny, "--file", text);
        Assert.Equal((0, ""), (table.Code, table.Error));
        Assert.StartsWith("tiny-gpt-oss: ", table.Out, StringComparison.Ordinal);
        Assert.Contains(" tokens through 6 layers of 8 experts, 4 for each token, float32\n", table.Out, StringComparison.Ordinal);
        Assert.Contains("Near-ties, within the router's budget: ", table.Out, StringComparison.Ordinal);

        JsonElement json = Run("inspect", "--routing", "--model", TestData.Tiny, "--json", Prompt).Json;
        Assert.Equal(
            ["model", "profile", "tokens", "experts", "experts_per_token", "layers", "surprise_of_chance", "surprising_pairs", "pairs", "near_ties", "near_tie_share", "closest"],
            json.EnumerateObject().Select(member => member.Name));
        int tokens = json.GetProperty("tokens").GetInt32();
        Assert.Equal(6, json.GetProperty("layers").GetArrayLength());
        foreach (JsonElement layer in json.GetProperty("layers").EnumerateArray())
        {
            Assert.Equal(4 * tokens, layer.GetProperty("counts").EnumerateArray().Sum(count => count.GetInt32()));
            Assert.Equal([7, 6, 5, 4, 3, 2, 1], layer.GetProperty("together").EnumerateArray().Select(row => row.GetArrayLength()));
            Assert.Equal(6 * tokens, layer.GetProperty("together").EnumerateArray().Sum(row => row.EnumerateArray().Sum(count => count.GetInt32())));
            Assert.Equal(tokens, layer.GetProperty("margins_by_decade").EnumerateArray().Sum(count => count.GetInt32()));
        }
        Assert.Equal(tokens * 6 < 20 ? tokens * 6 : 20, json.GetProperty("closest").GetArrayLength());
    }

    [Fact]
    public void The_documented_table_is_what_the_program_prints()
    {
        string repository = Path.GetDirectoryName(TestData.Root)!;
        string page = File.ReadAllText(Path.Combine(repository, "docs", "commands.md")).ReplaceLineEndings("\n");
        page = page[page.IndexOf("### inspect --routing", StringComparison.Ordinal)..];
        string[] documented = page.Split("```text\n")[1].Split("```")[0].Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.True(documented.Length > 10);
        string[] printed = Run("inspect", "--routing", "--model", TestData.Tiny, "--file", Path.Combine(repository, "LICENSE")).Out.Split('\n');
        Assert.All(documented, line => Assert.Contains(line, printed));
    }

    [Theory]
    [InlineData(8)]
    [InlineData(128)]
    public void The_page_is_whole_and_escapes_what_it_shows(int experts)
    {
        string page = _folder.File("page.html"), model = TestData.Tiny, ids = _folder.Write("ids.json", "[5, 300, 17, 5, 5]");
        if (experts != 8)
        {
            string shape = SmallShapes.SixteenPositions.Replace("\"num_experts\": 4", $"\"num_experts\": {experts}", StringComparison.Ordinal);
            model = _folder.File("many");
            Assert.Equal(0, Run("synth", "--shape", _folder.Write("shape.json", shape), "--out", model).Code);
        }
        string[] source = experts == 8 ? [Prompt] : ["--ids", ids];
        Answer answer = Run(["inspect", "--routing", "--model", model, "--html", page, .. source]);
        Assert.Equal((0, $"Wrote {page}.\n"), (answer.Code, answer.Error));
        string html = File.ReadAllText(page);
        Assert.DoesNotContain("<script", html, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("://", html, StringComparison.Ordinal);
        Assert.DoesNotContain("<b>", html, StringComparison.Ordinal);
        XElement root = XDocument.Parse(html).Root!;
        XElement load = root.Descendants("table").First();
        int layers = experts == 8 ? 6 : 2;
        Assert.Equal(layers * experts, load.Descendants("td").Count());
        Assert.All(load.Descendants("td"), cell => Assert.Matches(@"^layer \d+, expert \d+: [\d,]+ tokens, [\d.]+ %$", cell.Attribute("title")!.Value));
        Assert.Equal(layers * (double)experts, load.Descendants("td").Sum(cell => double.Parse(cell.Value, CultureInfo.InvariantCulture)), experts * 0.1);
        int shown = experts == 8 ? 8 : 40;
        Assert.All(root.Descendants("figure"), figure => Assert.Equal(shown * (shown - 1) / 2, figure.Descendants("td").Count()));
        Assert.Equal(layers, root.Descendants("figure").Count());
        Assert.All(root.Descendants("th").Where(head => head.Value.Length > 0), head => Assert.NotNull(head.Attribute("scope")));
    }

    [Theory]
    [InlineData(0, "0")]
    [InlineData(0.0127, "0.0127")]
    [InlineData(-2.6612e-6, "-2.66e-6")]
    [InlineData(148.2, "148")]
    [InlineData(999.7, "1e3")]
    [InlineData(3658, "3.66e3")]
    public void Numbers_of_any_size_take_three_digits(double value, string text) => Assert.Equal(text, RoutingText.Short(value));

    [Theory]
    [InlineData("There is no prompt; give it as an argument, with --file or --ids, or on standard input.", "--routing")]
    [InlineData("There are several prompts; give one, as an argument, with --file or with --ids.", "--routing", "a", "--ids", "b")]
    [InlineData("--routing and --shape exclude each other.", "--routing", "--shape", "20b", "a")]
    [InlineData("--routing and --tensors exclude each other.", "--routing", "--tensors", "a")]
    [InlineData("A prompt needs --routing.", "a")]
    [InlineData("--html needs --routing.", "--html", "x")]
    [InlineData("--ids needs --routing.", "--ids", "x")]
    public void Inspect_refuses_in_one_sentence(string sentence, params string[] args) => Assert.Equal(new(2, "", sentence + "\n"), Run(["inspect", .. args]));
}
