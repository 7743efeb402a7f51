using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using GptOss.Cli;
using GptOss.Cli.Score;
using GptOss.Cli.Terminals;
using GptOss.Reference.Tests.Checkpoints;
using GptOss.Reference.Tests.Oracle.Scoring;
using GptOss.Reference.Tests.TestPlatform;
using Xunit;
using static GptOss.Reference.Tests.Cli.CommandLine;

namespace GptOss.Reference.Tests.Cli.Score;

public sealed class ScoreCommandTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private string? _small;

    private string SmallModel => _small ??= Small(_folder);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Merge_s_help_shows_what_merge_takes()
    {
        string help = Run("score", "merge", "--help").Out;
        Assert.Matches(@"\n  \S+ score merge <parts>\.\.\. \[options\]\r?\n", help);          // the first word is the program's name
        Assert.DoesNotContain("corpus>", help, StringComparison.Ordinal);
    }

    private string Corpus(int documents = 9, int seed = 4) =>
        _folder.Write("corpus.jsonl", Corpora.Random(seed, documents, longest: 40, vocabulary: 512));

    /// <summary>Scores with variables of the test's own.</summary>
    private static Answer RunIn(Func<string, string?> variable, TextWriter error, CancellationToken cancellation, params string[] args)
    {
        var output = new StringWriter { NewLine = "\n" };
        using var terminal = new Terminal(output, error, null, cancellation) { Variable = variable };
        return new(Program.Run(args, terminal), output.ToString(), error.ToString() ?? "");
    }

    [Fact]
    public void A_generated_text_has_the_log_probabilities_that_it_was_generated_with()
    {
        const string prompt = "[4084, 456, 421, 493]";
        JsonElement generated = Run("generate", "--model", TestData.Tiny, "--ids", _folder.Write("ids.json", prompt), "--max-tokens", "8", "--json",
            "--logprobs", "3").Json;
        string ids = $"{prompt[..^1]}, {string.Join(", ", generated.GetProperty("ids").EnumerateArray())}]";
        JsonElement score = RunWith($"{{\"ids\": {ids}}}", "score", "--model", TestData.Tiny, "--top", "3").Json;
        JsonElement[] steps = [.. generated.GetProperty("logprobs").EnumerateArray()];
        Assert.True(steps.Length > 2);
        Assert.Equal(steps.Select(step => step.GetProperty("logprob").GetRawText()), score.GetProperty("logprobs").EnumerateArray().Skip(4)
            .Select(value => value.GetRawText()));
        Assert.Equal(
            steps.Select(step =>
                string.Join(' ', step.GetProperty("top").EnumerateArray()
                    .Select(top => $"{top.GetProperty("id")} {top.GetProperty("logprob").GetRawText()}"))),
            score.GetProperty("top").EnumerateArray().Skip(4)
                .Select(top => string.Join(' ', top.EnumerateObject().Select(token => $"{token.Name} {token.Value.GetRawText()}"))));
    }

    [Fact]
    public void The_example_of_the_documentation_is_what_is_printed()
    {
        Assert.SkipWhen(Repository.Root is null, "The sources are not here.");
        string page = File.ReadAllText(Path.Combine(Repository.Root!, "docs", "commands.md"));
        Match example = Regex.Match(page,
            "printf '(?<line>[^']*)\\\\n' \\| gptoss score --model testdata/tiny-gpt-oss (?<args>[^\n]*)\n```\n```json\n(?<out>[^\n]*\n)```");
        Assert.True(example.Success);
        Answer answer = RunWith(example.Groups["line"].Value + "\n", ["score", "--model", TestData.Tiny, .. example.Groups["args"].Value.Split(' ')]);
        Assert.Equal((0, example.Groups["out"].Value), (answer.Code, answer.Out));
        Assert.Equal(["documents      1", "tokens         7  (6 scored, 18 bytes of text)"], answer.Error.Split('\n')[..2]);
    }

    [Fact]
    public void An_interrupted_run_goes_on_and_ends_in_the_same_bytes()
    {
        string corpus = Corpus(), whole = _folder.File("whole.jsonl"), target = _folder.File("scores.jsonl");
        string[] args = ["score", corpus, "--model", SmallModel, "--top", "2", "--context", "6", "--out"];
        Answer one = Run([.. args, whole]);
        Assert.Equal((0, ""), (one.Code, one.Error));
        byte[] expected = File.ReadAllBytes(whole);
        Assert.Equal(Encoding.UTF8.GetString(expected), Run(args[..^1]).Out);
        for (int lines = 0; lines <= 9; lines++)
        {
            int end = 0;
            for (int i = 0; i < lines; i++)
                end = Array.IndexOf(expected, (byte)'\n', end) + 1;
            File.WriteAllBytes(target + ".partial", [.. expected[..end], .. Encoding.UTF8.GetBytes("{\"id\":\"to")]);
            if (lines % 3 > 0)
                File.Copy(whole + ".run", target + ".run", overwrite: true);
            else
                File.Delete(target + ".run");          // the last line is scored again instead
            Answer answer = Run([.. args, target, "--batch", "3"]);
            Assert.Equal(new(0, one.Out, lines == 0 ? "" : $"Going on after {lines} of 9 documents in {target}.partial.\n"), answer);
            Assert.Equal(expected, File.ReadAllBytes(target));
            File.Delete(target);
        }
        Assert.Equal(new(0, one.Out, $"{whole} is finished already.\n"), Run([.. args, whole]));
        Assert.Equal(new(2, "", "--out names the corpus; give another file to write.\n"), Run([.. args, corpus, "--force"]));
        Assert.Equal(new(2, "", $"{whole} exists and is from a run with --context 6; give another file, or --force to start over.\n"),
            Run([.. args[..^3], "--out", whole]));
        Assert.Equal((0, 9), (Run([.. args[..^3], "--out", whole, "--force"]).Code, File.ReadAllLines(whole).Length));
    }

    [Fact]
    public void Ctrl_C_keeps_the_complete_lines()
    {
        string corpus = Corpus(), target = _folder.File("scores.jsonl");
        string[] args = ["score", corpus, "--model", SmallModel, "--out", target];
        Assert.Equal(0, Run(args).Code);
        byte[] expected = File.ReadAllBytes(target);
        File.WriteAllBytes(target + ".partial", expected[..(Array.IndexOf(expected, (byte)'\n') + 1)]);
        using var source = new CancellationTokenSource();
        using var error = new CancellingWriter(source, "Going on");
        Answer stopped = RunIn(_ => null, error, source.Token, args);
        Assert.Equal((130, ""), (stopped.Code, stopped.Out));
        Assert.Equal($"Stopped after 1 of 9 documents, which {target}.partial keeps; the same command goes on from there.", stopped.Sentence);
        Assert.Equal(0, Run(args).Code);
        Assert.Equal(expected, File.ReadAllBytes(target));
    }

    [Fact]
    public void Parts_are_joined_into_the_bytes_of_one_run()
    {
        string corpus = Corpus(5), whole = _folder.File("whole.jsonl"), joined = _folder.File("joined.jsonl");
        string[] args = ["score", corpus, "--model", SmallModel, "--json", "--out"];
        string summary = Run([.. args, whole]).Out;
        string[] parts = [.. Enumerable.Range(1, 8).Select(i => _folder.File($"p{i}.jsonl"))];
        for (int i = 1; i <= 8; i++)
        {
            Answer part = Run([.. args, parts[i - 1], "--part", $"{i}/8"]);
            Assert.Matches($"^Part {i}/8: \\d of 5 documents.\n$", part.Error);
            Assert.Equal((i, 8), (part.Json.GetProperty("part").GetInt32(), part.Json.GetProperty("parts").GetInt32()));
        }
        parts.AsSpan().Reverse();
        Assert.Equal(new(0, summary, ""), Run(["score", "merge", "--out", joined, "--json", .. parts]));
        Assert.Equal(File.ReadAllBytes(whole), File.ReadAllBytes(joined));
        Assert.Equal(new(2, "", $"{joined} exists; give another file, or --force to replace it.\n"),
            Run(["score", "merge", "--out", joined, .. parts]));
        Assert.Equal(new(3, "", "Part 8 of 8 is missing.\n"), Run(["score", "merge", "--out", _folder.File("x"), .. parts[1..]]));
    }

    [Fact]
    public void A_comparison_with_itself_agrees_fully()
    {
        string corpus = Corpus(), own = _folder.File("own.jsonl");
        string[] args = ["score", corpus, "--model", SmallModel, "--json", "--context", "9", "--out"];
        Assert.Equal(0, Run([.. args, own, "--top", "4"]).Code);
        JsonElement json = Run([.. args, _folder.File("compared.jsonl"), "--compare", own]).Json;
        Assert.Equal(
            ["part", "parts", "documents", "tokens", "scored_tokens", "bytes", "logprob", "perplexity", "bits_per_byte", "compare"],
            json.EnumerateObject().Select(p => p.Name));
        long scored = json.GetProperty("scored_tokens").GetInt64();
        Assert.Equal($$$"""{"kl_top":{"mean":0,"max":0,"tokens":{{{scored}}},"infinite":0},"same_first":1,"top_agreement":1}""",
            json.GetProperty("compare").GetRawText());
        Assert.Equal(["id", "tokens", "bytes", "logprob", "logprobs", "top", "kl_top", "same_first", "top_agreement"],
            JsonElement.Parse(File.ReadLines(_folder.File("compared.jsonl")).First()).EnumerateObject().Select(p => p.Name));
        Assert.Contains("kl_top         0 on average, 0 at most\nsame first     100.00 %\ntop agreement  100.00 %\n",
            Run(["score", corpus, "--model", SmallModel, "--context", "9", "--compare", own]).Error, StringComparison.Ordinal);
        // Its own lines, which a comparison has made longer, can be compared with again.
        Assert.Equal(0, Run([.. args, _folder.File("again.jsonl"), "--compare", _folder.File("compared.jsonl")]).Code);
    }

    [Fact]
    public void An_empty_corpus_is_an_empty_file()
    {
        string corpus = _folder.Write("corpus.jsonl", "\n \n"), target = _folder.File("scores.jsonl");
        Answer answer = Run("score", corpus, "--model", SmallModel, "--out", target, "--json");
        Assert.Equal(new(0,
            """{"part":1,"parts":1,"documents":0,"tokens":0,"scored_tokens":0,"bytes":0,"logprob":0,"perplexity":null,"bits_per_byte":null}""" + "\n",
            ""), answer);
        Assert.Equal("", File.ReadAllText(target));
    }

    [Theory]
    [InlineData(2, "There is no corpus; name a file with one JSON object a line, or pipe it in.")]
    [InlineData(2, "--part is '3/2'; expected part i of n, such as 3/8, with n at most 1000000.", "--part", "3/2")]
    [InlineData(2, "--context is '1'; expected a number from 2 to 2147483647.", "--context", "1")]
    [InlineData(2, "--context is 17; the model's context holds 16.", "CORPUS", "--context", "17")]
    [InlineData(2, "--top is '1001'; expected a number from 0 to 1000.", "--top", "1001")]
    [InlineData(2, "--batch is '0'; expected a number from 1 to 1024.", "--batch", "0")]
    [InlineData(3, "There is no file 'none.jsonl'.", "none.jsonl")]
    [InlineData(3, "There is no file 'none.jsonl'.", "CORPUS", "--compare", "none.jsonl")]
    [InlineData(2, "Required argument missing for command: 'merge'.", "merge", "--out", "x")]
    [InlineData(3, "There is no file 'none.jsonl'.", "merge", "--out", "x", "none.jsonl")]
    public void What_cannot_be_is_refused_in_one_sentence(int code, string sentence, params string[] args)
    {
        string[] model = args is ["merge", ..] ? [] : ["--model", SmallModel];
        Assert.Equal(new(code, "", sentence + "\n"), Run(["score", .. args.Select(arg => arg == "CORPUS" ? Corpus() : arg), .. model]));
    }

    [Fact]
    public void A_bad_line_is_named_before_anything_is_scored()
    {
        string corpus = _folder.Write("corpus.jsonl", "{\"ids\": [1, 2]}\n\n{\"ids\": [1, 512]}\n");
        Assert.Equal(new(3, "", "corpus.jsonl, line 3: ids[1] is 512; the model has ids 0 to 511.\n"),
            Run("score", corpus, "--model", SmallModel, "--out", _folder.File("scores")));
        Assert.Equal(new(3, "", "standard input, line 1: there is neither text nor ids.\n"), RunWith("{}", "score", "--model", SmallModel));
        Assert.False(File.Exists(_folder.File("scores.partial")));
    }

    [Theory]
    [InlineData("slurm")]
    [InlineData("kubernetes")]
    [InlineData("parallel")]
    public void The_schedulers_of_the_documentation_score_a_corpus_in_parts(string scheduler)
    {
        Assert.SkipWhen(Repository.Root is null, "The sources are not here.");
        string page = File.ReadAllText(Path.Combine(Repository.Root!, "docs", "score.md"));
        string block = page.Split($"<!-- {scheduler} -->")[1], corpus = Corpus(13), whole = _folder.File("whole.jsonl");
        Assert.Equal(0, Run("score", corpus, "--model", SmallModel, "--top", "5", "--out", whole).Code);
        int parts = int.Parse(Regex.Match(block, @"--array=1-(\d+)|completions: (\d+)|GPTOSS_PARTS=(\d+)").Groups.Values.Skip(1)
            .Single(group => group.Success).Value, CultureInfo.InvariantCulture);
        for (int part = 1; part <= parts; part++)
        {
            string number = part.ToString(CultureInfo.InvariantCulture), count = parts.ToString(CultureInfo.InvariantCulture);
            (string command, Dictionary<string, string> variables) = scheduler switch
            {
                "slurm" => (Regex.Match(block, "^gptoss (.*)$", RegexOptions.Multiline).Groups[1].Value, new Dictionary<string, string>
                {
                    ["SLURM_ARRAY_TASK_ID"] = number, ["SLURM_ARRAY_TASK_COUNT"] = count,
                    ["SLURM_ARRAY_TASK_MIN"] = "1", ["SLURM_ARRAY_TASK_MAX"] = count, ["SLURM_ARRAY_TASK_STEP"] = "1",
                }),
                "kubernetes" =>
                    (Regex.Match(block, @"command: \[gptoss, (.*)\]$", RegexOptions.Multiline).Groups[1].Value.Replace(",", "",
                        StringComparison.Ordinal), new Dictionary<string, string>
                {
                    ["JOB_COMPLETION_INDEX"] = (part - 1).ToString(CultureInfo.InvariantCulture),
                    ["GPTOSS_PARTS"] = Regex.Match(block, "name: GPTOSS_PARTS\n *value: \"(.*)\"").Groups[1].Value,
                }),
                _ => (Regex.Match(block, "parallel .*'gptoss (.*)'").Groups[1].Value.Replace("{}", number, StringComparison.Ordinal),
                    new Dictionary<string, string>
                {
                    ["PARALLEL_SEQ"] = number, ["GPTOSS_PARTS"] = count,
                }),
            };
            string[] args =
            [
                .. Regex.Replace(command.Replace("\"", "", StringComparison.Ordinal), @"\$\(?(\w+)\)?", match => variables[match.Groups[1].Value])
                    .Split(' ')
                    .Select(word => word.EndsWith(".jsonl", StringComparison.Ordinal)
                        ? _folder.File(Path.GetFileName(word))
                        : word.EndsWith("gpt-oss-20b", StringComparison.Ordinal) ? SmallModel : word),
            ];
            if (!args.Contains("--model"))
                args = [.. args, "--model", SmallModel];
            Answer answer = RunIn(variables.GetValueOrDefault, new StringWriter { NewLine = "\n" }, TestContext.Current.CancellationToken, args);
            Assert.Equal(0, answer.Code);
            Assert.Matches($"(^|\n)Part {part}/{parts}, as {variables.Keys.First()} says: \\d+ of 13 documents\\.\n$", answer.Error);
        }
        string merge = Regex.Match(scheduler == "parallel" ? block : page.Split($"<!-- {scheduler} -->")[2],
            "gptoss (score merge [^'\n]*)").Groups[1].Value;
        string[] joined =
        [
            .. merge.Split(' ')
                .SelectMany(word => word.Contains('?', StringComparison.Ordinal) ? Directory.GetFiles(_folder.Path, Path.GetFileName(word))
                : [word.EndsWith(".jsonl", StringComparison.Ordinal) ? _folder.File(Path.GetFileName(word)) : word]),
        ];
        Assert.Equal(0, Run(joined).Code);
        Assert.Equal(File.ReadAllBytes(whole), File.ReadAllBytes(_folder.File("scores.jsonl")));
    }

    [Theory]
    [InlineData(1204, 5000, 0.25, 30_000, 100, "1,204 of 5,000 documents, 300.0 tokens/s, 5 min left")]
    [InlineData(0, 5, 0.5, 10, 4, "0 of 5 documents, 2.5 tokens/s, 4 s left")]
    [InlineData(1, 5, 0.01, 10, 1000, "1 of 5 documents, 100 s a token, 27.5 h left")]
    [InlineData(1, 5, 0.001, 10, 10000, "1 of 5 documents, 1,000 s a token, 115.6 days left")]
    [InlineData(5, 5, 1.0000001, 10, 10, "5 of 5 documents, 1.0 tokens/s, 0 s left")]
    [InlineData(0, 5, 0.0, 0, 10, "0 of 5 documents, unknown time left")]
    public void Progress_says_how_long_the_rest_will_take(long done, long documents, double share, long tokens, double seconds, string sentence) =>
        Assert.Equal(sentence, ScoreProgress.Sentence(done, documents, share, tokens, TimeSpan.FromSeconds(seconds)));

    /// <summary>Presses Ctrl+C when it reads a sentence.</summary>
    private sealed class CancellingWriter(CancellationTokenSource source, string sentence) : StringWriter
    {
        public override void WriteLine(string? value)
        {
            base.WriteLine(value);
            if (value?.StartsWith(sentence, StringComparison.Ordinal) == true)
                source.Cancel();
        }
    }
}
