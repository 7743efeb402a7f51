using System.Text.Json;
using System.Xml.Linq;
using GptOss.Cli.Explain;
using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Generation;
using GptOss.Reference.Model;
using GptOss.Reference.Model.Hooks;
using GptOss.Reference.Model.Stages;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Oracle.Stages;
using GptOss.Reference.Oracle.Traces;
using GptOss.Reference.Tests.Checkpoints;
using GptOss.Reference.Tests.Model;
using GptOss.Reference.Tests.TestPlatform;
using GptOss.Reference.Tokens;
using Xunit;
using static GptOss.Reference.Tests.Cli.CommandLine;

namespace GptOss.Reference.Tests.Cli.Explain;

public sealed class ExplainCommandTests : IDisposable
{
    private const string Prompt =
        "<|start|>user<|message|>What is the capital of Norway?<|end|><|start|>assistant<|channel|>final<|message|>The capital of Norway is";

    private static readonly GptOssConfig Config = ConfigReader.Read(Path.Combine(TestData.Tiny, "config.json"));

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    public static TheoryData<Stage> Stages => [.. Enum.GetValues<Stage>()];

    [Theory]
    [InlineData("float32", Precision.Float32)]
    [InlineData("bfloat16", Precision.Bfloat16)]
    public void Values_experts_and_forecast_are_those_of_a_trace(string profile, Precision precision)
    {
        Answer answer = Run("explain", "--model", TestData.Tiny, "--json", "--profile", profile, "--position", "12", Prompt);
        Assert.Equal((0, ""), (answer.Code, answer.Error));
        using var model = Transformer.Load(TestData.Tiny, new() { Precision = precision });
        int[] ids = [.. Tokenizer.ForCheckpoint(TestData.Tiny).EncodeWithSpecials(Prompt).Take(13)];
        Trace trace = Tracer.Record(model, ids, new() { Positions = [12] }, TestContext.Current.CancellationToken);

        JsonElement[] stages = [.. answer.Json.GetProperty("stages").EnumerateArray()];
        Assert.Equal(
            trace.Stages.Select(stage => stage.Key.Name),
            stages.Select(stage => stage.GetProperty("stage").GetString()!).Where(name => !name.EndsWith(".outputs", StringComparison.Ordinal)));
        foreach (StageRows expected in trace.Stages)
        {
            JsonElement shown = stages.Single(stage => stage.GetProperty("stage").GetString() == expected.Key.Name);
            Assert.Equal(expected.Width, shown.GetProperty("shape").EnumerateArray().Aggregate(1, (width, size) => width * size.GetInt32()));
            if (expected.Key.IsExperts)
            {
                Assert.Equal(expected.ExpertNumbers, shown.GetProperty("experts").EnumerateArray()
                    .Select(choice => choice.GetProperty("expert").GetInt32()));
                continue;
            }
            Assert.Equal(expected.Values.Take(4), shown.GetProperty("first").EnumerateArray().Take(4).Select(value => value.GetSingle()));
            float largest = expected.Values.MaxBy(Math.Abs);
            Assert.Equal(largest, shown.GetProperty("largest").GetProperty("value").GetSingle());
            int at = shown.GetProperty("largest").GetProperty("index").EnumerateArray().Zip(shown.GetProperty("shape").EnumerateArray())
                .Aggregate(0, (flat, index) => flat * index.Second.GetInt32() + index.First.GetInt32());
            Assert.Equal(largest, expected.Values[at]);
            Assert.Equal(Math.Sqrt(expected.Values.Average(value => (double)value * value)), shown.GetProperty("rms").GetDouble(), 9);
        }
        var next = LogProbabilities.Of(trace.Stages[^1].Values, 0, 10);
        Assert.Equal(next.Top.Select(token => (token.Id, Math.Exp(token.LogProbability))), Tokens(answer.Json.GetProperty("next")));
        Assert.Equal(Tokens(answer.Json.GetProperty("next")).Take(3),
            Tokens(stages.Single(stage => stage.GetProperty("stage").GetString() == "block.5.mlp.residual").GetProperty("lens")));
    }

    [Fact]
    public void Every_head_says_what_it_gives_to_the_sink_and_where_it_looks_most()
    {
        JsonElement json = Run("explain", "--model", TestData.Tiny, "--json", Prompt).Json;
        using var model = Transformer.Load(TestData.Tiny);
        int[] ids = Tokenizer.ForCheckpoint(TestData.Tiny).EncodeWithSpecials(Prompt);
        int last = ids.Length - 1;
        Assert.Equal(last, json.GetProperty("position").GetInt32());
        ForwardHooks hooks = new()
        {
            Attention = (layer, head, token, probabilities, sink) =>
            {
                if (token.Position != last)
                    return;
                JsonElement shown = json.GetProperty("stages").EnumerateArray()
                    .Single(stage => stage.GetProperty("stage").GetString() == $"block.{layer}.attn.heads").GetProperty("heads")[head];
                Assert.Equal((probabilities.Length, sink), (shown.GetProperty("keys").GetInt32(), shown.GetProperty("sink").GetSingle()));
                float[] shares = probabilities.ToArray();
                int first = last - shares.Length + 1;
                Assert.Equal(
                    Enumerable.Range(0, shares.Length).OrderByDescending(i => shares[i]).ThenByDescending(i => i).Take(3)
                        .Select(i => (first + i, ids[first + i], shares[i])),
                    shown.GetProperty("top").EnumerateArray()
                        .Select(top =>
                            (top.GetProperty("position").GetInt32(), top.GetProperty("id").GetInt32(), top.GetProperty("share").GetSingle())));
            },
        };
        hooks.Forward(model, new BatchItem(model.NewSequence(), ids, LogitRows.None));
    }

    [Theory, MemberData(nameof(Stages))]
    public void The_line_that_is_named_is_the_line_in_the_repository(Stage stage)
    {
        Assert.SkipWhen(Repository.Root is null, "The sources are not beside this build.");
        var note = StageNote.Of(stage, PublishedShapes.Gpt20b);
        Assert.True(note.Code.Length >= 2);
        foreach (SourcePlace place in note.Code)
        {
            (int line, string code) = place.Find();
            Assert.Equal(code, File.ReadAllLines(Path.Combine(Repository.Root!, place.File))[line - 1].Trim());
            Assert.Contains(place.Marker, code);
        }

        // The call comes right before the stage is announced, or a few lines with the stage's own name in them after it.
        if (stage is Stage.Embedding or Stage.Norm or Stage.Logits)
            return;
        SourcePlace call = note.Code[0];
        string after = string.Join('\n', File.ReadAllLines(Path.Combine(Repository.Root!, call.File)).Skip(call.Find().Line - 1).Take(14));
        Assert.Contains(stage == Stage.Experts ? "chunk.ShowExperts(" : stage == Stage.Qkv
            ? "kernels.Products.Linear(t, weights.Qkv"
            : $"Stage.{stage},", after);
    }

    [Fact]
    public void A_line_that_is_gone_is_no_silent_zero()
    {
        Assert.Equal("GptOss.Reference/Model/ForwardPass.cs has not exactly one line with 'no such line'.",
            Assert.Throws<InvalidOperationException>(() => SourcePlace.In("Model/ForwardPass.cs", "no such line").Find()).Message);
        Assert.Throws<InvalidOperationException>(() => SourcePlace.In("Model/ForwardPass.cs", "internal").Find());
        Assert.Throws<InvalidOperationException>(() => SourcePlace.In("Model/Nothing.cs", "return").Find());
    }

    [Fact]
    public void Text_goes_through_the_model_from_top_to_bottom_and_explains_every_stage_once()
    {
        Answer answer = Run("explain", "--model", TestData.Tiny, Prompt);
        Assert.Equal((0, ""), (answer.Code, answer.Error));
        int at = -1;
        foreach (StageKey key in StageKey.All(Config))
            Assert.True((at = answer.Out.IndexOf($"  {key.Name}  ", at + 1, StringComparison.Ordinal)) > 0, key.Name);
        foreach (Stage stage in Enum.GetValues<Stage>())
        {
            var note = StageNote.Of(stage, Config);
            Assert.Contains(note.Formula, answer.Out);
            Assert.Equal(2, answer.Out.Split($"{note.Code[0]}  ").Length - (stage == Stage.Experts || stage == Stage.ExpertWeights ? 1 : 0));
        }
        Assert.StartsWith("Position 30 of 31 tokens, \" is\", through tiny-gpt-oss in float32.\n", answer.Out, StringComparison.Ordinal);
        Assert.Contains("→ \" is\"\n", answer.Out);
        Assert.DoesNotContain("NaN", answer.Out);
    }

    [Fact]
    public void What_the_documentation_shows_is_printed()
    {
        Assert.SkipWhen(Repository.Root is null, "The pages are not here.");
        string page = File.ReadAllText(Path.Combine(Repository.Root!, "docs", "commands.md"));
        string section = page[page.IndexOf("\n## explain\n", StringComparison.Ordinal)..];
        string[] shown = section.Split("```text\n")[1].Split("```")[0].Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.True(shown.Length > 20);
        string printed = AnyLine(Run("explain", "--model", TestData.Tiny, Prompt).Out);
        int at = 0;
        foreach (string line in shown.Where(line => line != "…").Select(AnyLine))
            Assert.True((at = printed.IndexOf(line + "\n", at, StringComparison.Ordinal)) >= 0, line);

        // Line numbers move with the sources; that they are right is another test's claim.
        static string AnyLine(string text) => System.Text.RegularExpressions.Regex.Replace(text, @"\.cs:\d+", ".cs:N");
    }

    [Fact]
    public void The_page_is_one_well_formed_file_in_the_same_order_that_needs_nothing_from_outside()
    {
        string page = _folder.File("token.html");
        Answer answer = Run("explain", "--model", TestData.Tiny, "--html", page, Prompt);
        Assert.Equal((0, ""), (answer.Code, answer.Out));
        Assert.StartsWith($"{page} written, ", answer.Error, StringComparison.Ordinal);
        string html = File.ReadAllText(page);
        foreach (string outside in (string[])["<script", "<link", "<img", "src=", "url(", "http", "@import", "/tmp", Repository.Root ?? "\0"])
            Assert.DoesNotContain(outside, html, StringComparison.OrdinalIgnoreCase);

        XElement body = Body(html);
        string text = body.Value;
        int at = -1;
        foreach (StageKey key in StageKey.All(Config))
            Assert.True((at = text.IndexOf($" {key.Name} ", at + 1, StringComparison.Ordinal)) > 0, key.Name);
        HashSet<string> ids = [.. body.Descendants().Attributes("id").Select(id => id.Value)];
        Assert.All(body.Descendants("a").Attributes("href"), link => Assert.Contains(link.Value[1..], ids));
        Assert.Equal(6 * 4, body.Descendants("div")
            .Count(div => (string?)div.Attribute("class") == "bar" && div.Elements().Any(i => (string?)i.Attribute("class") == "sink")));
    }

    [Fact]
    public void The_text_of_a_hostile_token_stays_text()
    {
        string model = _folder.File("hostile"), page = _folder.File("hostile.html");
        Directory.CreateDirectory(model);
        foreach (string file in (string[])["config.json", "model.safetensors", "model.safetensors.index.json"])
            File.Copy(Path.Combine(TestData.Tiny, file), Path.Combine(model, file));
        const string Hostile = "<script>alert(1)</script>'&<b>\u001b[2J\u202e";
        string tokenizer = File.ReadAllText(Path.Combine(TestData.Tiny, "tokenizer.json"));
        Assert.Contains("\"<|constrain|>\"", tokenizer);
        File.WriteAllText(Path.Combine(model, "tokenizer.json"),
            tokenizer.Replace("\"<|constrain|>\"", JsonSerializer.Serialize(Hostile), StringComparison.Ordinal));

        Answer answer = Run("explain", "--model", model, "--html", page, $"Hi{Hostile}");
        Assert.Equal(0, answer.Code);
        string html = File.ReadAllText(page);
        Assert.DoesNotContain("<script", html, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("&lt;script&gt;alert(1)&lt;/script&gt;&#39;&amp;", html);
        Assert.Contains("alert(1)", Body(html).Value);
        Assert.DoesNotContain('\u001b', html);
        Answer text = Run("explain", "--model", model, $"Hi{Hostile}");
        Assert.Equal(0, text.Code);
        Assert.DoesNotContain('\u001b', text.Out);
    }

    [Fact]
    public void Ids_without_text_are_shown_as_ids()
    {
        string ids = _folder.Write("ids.json", "[5, 300, 17]"), model = Small(_folder), page = _folder.File("ids.html");
        Answer answer = Run("explain", "--model", model, "--ids", ids, "--position", "1");
        Assert.Equal(0, answer.Code);
        Assert.StartsWith("Position 1 of 3 tokens, id 300, through small in float32.\nContext: id 5 → id 300\n", answer.Out,
            StringComparison.Ordinal);
        JsonElement json = Run("explain", "--model", model, "--ids", ids, "--json", "--html", page).Json;
        Assert.Equal("{\"id\":17}", json.GetProperty("token").GetRawText());
        Assert.True(Body(File.ReadAllText(page)).Descendants("section").Any());
    }

    [Fact]
    public void The_lens_at_a_position_does_not_know_what_follows()
    {
        string all = _folder.Write("all.json", "[5, 300, 17]"), start = _folder.Write("start.json", "[5, 300]"), model = Small(_folder);
        Assert.Equal(
            Run("explain", "--model", model, "--ids", start, "--json").Out,
            Run("explain", "--model", model, "--ids", all, "--json", "--position", "1").Out);
    }

    [Theory]
    [InlineData(2, "There is no prompt; give it as an argument, with --file or --ids, or on standard input.")]
    [InlineData(2, "There are several prompts; give one, as an argument, with --file or with --ids.", "Hi", "--ids", "ids.json")]
    [InlineData(2, "--position is 'first'; expected a position such as 5, or last.", "Hi", "--position", "first")]
    [InlineData(2, "--position is '-1'; expected a position such as 5, or last.", "Hi", "--position", "-1")]
    [InlineData(2, "--position is 7; positions go from 0 to 1.", "Hi", "--position", "7")]
    [InlineData(2, "--html is empty; give it a value, or leave it out.", "Hi", "--html", "")]
    [InlineData(2, "There is no folder 'no-such-folder' to write token.html into.", "Hi", "--html", "no-such-folder/token.html")]
    [InlineData(3, "The prompt has no tokens, so there is nothing to continue.", "")]
    [InlineData(3, "There is no file 'no-such-file.json'.", "--ids", "no-such-file.json")]
    public void Wrong_usage_is_one_sentence(int code, string sentence, params string[] args)
    {
        Answer answer = Run(["explain", "--model", TestData.Tiny, .. args]);
        Assert.Equal((code, "", sentence), (answer.Code, answer.Out, answer.Sentence));
    }

    /// <summary>What stands between head and end of a page, read as XML: it would not be if a tag or a quote were missing.</summary>
    private static XElement Body(string html)
    {
        int from = html.IndexOf("<main>", StringComparison.Ordinal), end = html.IndexOf("</main>", StringComparison.Ordinal) + "</main>".Length;
        return XElement.Parse(html[from..end].Replace(" open>", ">", StringComparison.Ordinal).Replace("&quot;", "\"", StringComparison.Ordinal),
            LoadOptions.PreserveWhitespace);
    }

    private static IEnumerable<(int Id, double Probability)> Tokens(JsonElement tokens) =>
        tokens.EnumerateArray().Select(token => (token.GetProperty("id").GetInt32(), token.GetProperty("probability").GetDouble()));
}
