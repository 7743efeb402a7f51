using System.Text.RegularExpressions;
using GptOss.Cli.Bench;
using GptOss.Cli.Chat;
using GptOss.Cli.Terminals;
using GptOss.Reference.Chat;
using GptOss.Reference.Harmony;
using GptOss.Reference.Model;
using GptOss.Reference.Tests.Checkpoints;
using Xunit;
using static GptOss.Reference.Tests.Cli.CommandLine;

namespace GptOss.Reference.Tests.Cli.Chat;

public class ChatCommandTests
{
    private static readonly string[] Asked = ["chat", "--model", TestData.Tiny, "--date", "2026-11-24", "--temperature", "0"];

    [Fact]
    public void Through_pipes_a_line_is_a_turn_and_standard_output_gets_the_answers_alone()
    {
        Answer answer = RunWith("What is the capital of Norway?\nSpell \"morning\" backwards.\\\n\n", Asked);
        Assert.Equal(0, answer.Code);
        Assert.StartsWith("The capital of Norway is Oslo.\n\"", answer.Out, StringComparison.Ordinal);
        Assert.Equal(2, answer.Out.Count(c => c == '\n'));
        Assert.StartsWith("tiny-gpt-oss, effort medium, context 8,192 tokens, profile float32, tools: none.\nNorway: Oslo.\n", answer.Error,
            StringComparison.Ordinal);
        Assert.DoesNotContain("\u001b", answer.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_schema_holds_the_answer_of_every_turn()
    {
        using var folder = new TemporaryFolder();
        string schema = folder.Write("schema.json", """{"enum": ["Oslo", "Paris"]}""");
        Answer answer = RunWith("What is the capital of Norway?\nWhat is the capital of France?\n", [.. Asked, "--schema", schema]);
        Assert.Equal(0, answer.Code);
        string[] answers = answer.Out.TrimEnd('\n').Split('\n');
        Assert.Equal(2, answers.Length);
        Assert.All(answers, line => Assert.Contains(line, (string[])["\"Oslo\"", "\"Paris\""]));
        Assert.Equal(3, RunWith("Hi.\n", [.. Asked, "--schema", folder.Write("bad.json", """{"$ref": "https://example.com"}""")]).Code);
    }

    [Fact]
    public void The_same_seed_gives_the_same_answers()
    {
        string[] drawn = ["chat", "--model", TestData.Tiny, "--date", "2026-11-24", "--seed", "5"];
        const string lines = "What is 12 * 4?\nWhat is 70 + 92?\n/retry\n";
        Answer first = RunWith(lines, drawn);
        Assert.Equal(first, RunWith(lines, [.. drawn, "--threads", "1", "--width", "128"]));
    }

    [Fact]
    public void Commands_are_obeyed()
    {
        using var folder = new TemporaryFolder();
        string file = folder.File("talk.json");
        Answer answer = RunWith(
            $"""
            /effort high
            /system Be brief.
            What is the capital of Norway?
            /save {file}
            /undo
            /tokens
            /load {file}
            /reasoning hide
            /reasoning
            /retry
            /new
            /tools
            /help
            /exit
            What is never asked?
            """, [.. Asked, "--verbose", "--seed", "1"]);
        Assert.Equal("The capital of Norway is Oslo.\nThe capital of Norway is Oslo.\n", answer.Out);
        string error = Regex.Replace(answer.Error, @"at [\d.]+ tokens/s", "at R tokens/s");
        Assert.Equal(
            $"""
            tiny-gpt-oss, effort medium, context 8,192 tokens, profile float32, tools: none.
            The seed is 1.
            Effort: high.
            Instructions: Be brief.
            The user asks for the capital of Norway. That is Oslo.
            Prompt 123 tokens, 0 reused; read 123 at R tokens/s; wrote 48 at R tokens/s; cache 1.3 MiB.
            Saved 1 turn to {file}.
            Taken back: What is the capital of Norway?
            108 of 8,192 tokens (1.3 %) in 0 turns; cache 1.3 MiB.
            Loaded 1 turn from {file}, effort high.
            Its last message is from assistant: The capital of Norway is Oslo.
            Reasoning: hide.
            Reasoning: hide.
            At temperature 0 the same question has the same answer; start with --temperature 1 for another draw.
            Prompt 123 tokens, 122 reused; read 1 at R tokens/s; wrote 48 at R tokens/s; cache 1.3 MiB.
            A new conversation.
            There are no tools; --tools offers them when the program starts.

            """, error[..error.IndexOf("/effort low", StringComparison.Ordinal)]);
        Answer rendered = Run("harmony", "render", "--model", TestData.Tiny, file);
        Assert.Contains("<|start|>developer<|message|># Instructions\n\nBe brief.<|end|>", rendered.Out, StringComparison.Ordinal);
    }

    [Fact]
    public void What_fails_is_said_and_the_conversation_goes_on()
    {
        using var folder = new TemporaryFolder();
        Answer answer = RunWith(
            $"""
            /nonsense
            /effort extreme
            /save
            /save {folder.File("missing/talk.json")}
            /load {folder.Write("bad.json", "{")}
            /load {folder.File("missing.json")}
            /tools python on
            /retry
            /undo
            {new string('x', 9000)}
            What is the capital of Norway?
            """, [.. Asked, "--reasoning", "hide", "--context", "512"]);
        Assert.Equal((3, "The capital of Norway is Oslo.\n"), (answer.Code, answer.Out));
        string[] lines = answer.Error.TrimEnd('\n').Split('\n');
        Assert.Equal(11, lines.Length);
        Assert.Equal("Unknown command /nonsense; /help lists the commands. A message that starts with / is written with //.", lines[1]);
        Assert.Equal("/effort is 'extreme'; expected low, medium or high.", lines[2]);
        Assert.Equal("Expected /save FILE.", lines[3]);
        Assert.Equal("There is no tool 'python'; --tools offers tools when the program starts.", lines[7]);
        Assert.Equal(["There is no turn yet.", "There is no turn yet."], lines[8..10]);
        Assert.StartsWith("The message takes ", lines[10], StringComparison.Ordinal);
    }

    [Fact]
    public void A_function_answers_the_model()
    {
        if (OperatingSystem.IsWindows())
            return;
        using var folder = new TemporaryFolder();
        string functions = folder.Write("functions.json",
            """
            {"tools":[{"type":"function","function":{"name":"get_current_weather","description":"Gets the current weather in the provided location.",
              "parameters":{"type":"object","properties":{"location":{"type":"string","description":"The city and state, e.g. San Francisco, CA"},
              "format":{"type":"string","enum":["celsius","fahrenheit"],"default":"celsius"}},"required":["location"]}},
              "command":["sh","-c","echo '{\"temperature\": 21, \"sky\": \"sunny\"}'"]}]}
            """);
        Answer answer = RunWith("What's the weather in Paris?\n/tools functions off\n", [.. Asked, "--tools", $"functions={functions}"]);
        Assert.Equal((0, "It is 21 degrees and sunny in Paris.\n"), (answer.Code, answer.Out));
        Assert.Equal(
            """
            tiny-gpt-oss, effort medium, context 8,192 tokens, profile float32, tools: functions.
            Need to call get_current_weather for Paris.
            → functions.get_current_weather {"location": "Paris"}
            ← {"temperature": 21, "sky": "sunny"}
            functions off: functions.get_current_weather

            """, answer.Error);
    }

    [Fact]
    public void Python_that_nobody_can_be_asked_about_is_not_run()
    {
        Answer answer = RunWith("Use python to compute 913 * 337.\n", [.. Asked, "--tools", "python"]);
        Assert.Contains("→ python\nprint(913 * 337)\nThe model's Python was not run: there is no one to ask. --yes allows it.\n"
            + "← The user did not allow the call to python. Do without it.\n", answer.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Two_tools_of_the_same_name_are_refused()
    {
        using var folder = new TemporaryFolder();
        string functions = folder.Write("functions.json",
            """{"tools":[{"type":"function","function":{"name":"apply_patch","description":"Mine."},"command":["true"]}]}""");
        Answer answer = RunWith("", [.. Asked, "--tools", $"functions={functions},apply_patch={folder.Path}"]);
        Assert.Equal((3, "There are 2 tools named functions.apply_patch; the model could not tell them apart."), (answer.Code, answer.Sentence));
    }

    [Fact]
    public void A_tokenizer_without_the_tokens_of_messages_is_refused()
    {
        using var folder = new TemporaryFolder();
        foreach (string file in Directory.EnumerateFiles(TestData.Tiny))
            File.Copy(file, folder.File(Path.GetFileName(file)));
        string tokenizer = folder.File("tokenizer.json");
        File.WriteAllText(tokenizer, File.ReadAllText(tokenizer).Replace("<|start|>", "<|begin|>", StringComparison.Ordinal));
        Answer answer = RunWith("Hi\n", "chat", "--model", folder.Path);
        Assert.Equal((3, "The tokenizer has no token <|start|>, which the Harmony format needs."), (answer.Code, answer.Sentence));
    }

    [Theory]
    [InlineData("save", "")]
    [InlineData("save", "a\0b")]
    [InlineData("load", "a\0b")]
    public void A_name_that_no_file_can_have_is_refused(string command, string name)
    {
        Answer answer = RunWith($"/{command} {name}\n", Asked);
        Assert.Equal((3, $"Expected /{command} FILE."), (answer.Code, answer.Sentence));
    }

    [Theory]
    [InlineData("shell", "--tools has 'shell'; expected python, functions=FILE, apply_patch=FOLDER or browser=FOLDER.")]
    [InlineData("functions", "--tools has 'functions'; expected functions=FILE.")]
    [InlineData("python=3", "--tools has 'python=3'; expected python.")]
    [InlineData("python,python", "--tools names python twice.")]
    [InlineData("apply_patch=nowhere", "--tools apply_patch: there is no folder 'nowhere'.")]
    [InlineData("browser=-", "--tools browser=-: pages cannot come from standard input, which the chat reads.")]
    public void Tools_that_cannot_be_are_wrong_usage(string tools, string expected)
    {
        Answer answer = RunWith("", [.. Asked, "--tools", tools]);
        Assert.Equal((2, "", expected), (answer.Code, answer.Out, answer.Sentence));
    }

    [Theory]
    [InlineData(2, "--context is 200000; the model's context holds 131072.", "--context", "200000")]
    [InlineData(2, "--context is '5'; expected a number from 64 to 2147483647.", "--context", "5")]
    [InlineData(2, "--effort is 'much'; expected low, medium or high.", "--effort", "much")]
    [InlineData(0, "tiny-gpt-oss, effort medium, context 8,192 tokens, profile float32, tools: none.", "--preload")]
    [InlineData(0, "tiny-gpt-oss, effort medium, context 8,192 tokens, profile float32, tools: none.", "--pack")]
    public void Options_are_checked(int code, string expected, params string[] options)
    {
        Answer answer = RunWith("", [.. Asked, .. options]);
        Assert.Equal((code, "", expected), (answer.Code, answer.Out, answer.Sentence));
    }

    [Fact]
    public void A_long_prompt_is_announced_and_a_cut_answer_explained()
    {
        Answer answer = RunWith(string.Concat(Enumerable.Repeat("Sort these numbers: 31, 11, 41. ", 60)) + "\n",
            [.. Asked, "--max-tokens", "3", "--reasoning", "fold"]);
        Assert.Matches(@"\nReading \d+ tokens\.\n", answer.Error);
        Assert.EndsWith("The answer was cut: it reached --max-tokens.\n", answer.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("one", "one")]
    [InlineData("one\\|two\\|three|four", "one\ntwo\nthree")]
    [InlineData("one\\", "one\\")]
    [InlineData("\"\"\"|one|  two|\"\"\"|three", "one\n  two")]
    [InlineData("\"\"\"one|two\"\"\"", "one\ntwo")]
    [InlineData("\"\"\"one\"\"\"|two", "one")]
    [InlineData("\"\"\"|one", "one")]
    public void Several_lines_may_be_one_turn(string lines, string expected)
    {
        var rest = new Queue<string>(lines.Split('|'));
        Assert.Equal(expected, ChatInput.Complete(rest.Dequeue(), () => rest.TryDequeue(out string? next) ? next : null));
    }

    [Fact]
    public void The_speed_to_expect_follows_from_what_must_be_read_from_disk()
    {
        var need = new MemoryNeed(12L << 30, 0, 1L << 30, 1L << 30);
        Assert.Equal("The model needs 14.0 GiB and 8.0 GiB of memory are free, so weights are read from disk again and again: expect 1.1 " +
            "tokens a second at best.",
            SpeedForecast.Sentence(need, 8L << 30, 3_708_089_088, 2e9));
        Assert.EndsWith("expect 19 seconds a token or more.", SpeedForecast.Sentence(need, 1L << 30, 3_708_089_088, 2e8), StringComparison.Ordinal);
    }

    [Fact]
    public void In_a_terminal_thoughts_are_dimmed_folded_or_hidden_and_answers_are_plain()
    {
        Assert.Equal("\u001b[2mFirst \u001b[0m\u001b[2mthis.\u001b[0m\n→ python\n1 + 1\n\u001b[2m← 2\u001b[0m\n|So it is.\n",
            Shown(ShownReasoning.Show));
        Assert.Equal("\r\u001b[2mThinking: 1 token\u001b[0m\u001b[K\r\u001b[K\u001b[2m(thought for 2 tokens)\u001b[0m\n→ python\n1 + 1\n\u001b[2m← " +
            "2\u001b[0m\n|So it is.\n",
            Shown(ShownReasoning.Fold));
        Assert.Equal("→ python\n1 + 1\n\u001b[2m← 2\u001b[0m\n|So it is.\n", Shown(ShownReasoning.Hide));
    }

    private static string Shown(ShownReasoning reasoning)
    {
        var output = new StringWriter { NewLine = "\n" };
        var error = new StringWriter { NewLine = "\n" };
        using var terminal = new Terminal(output, error) { IsOutputTerminal = true, IsErrorTerminal = true };
        Assert.SkipUnless(terminal.HasAnimation, "NO_COLOR is set.");
        var view = new ChatView(terminal, reasoning, null);
        var call = new Message(Role.Assistant, "1 + 1") { Channel = "analysis", Recipient = "python" };
        view.Show(new TokenWritten(MessageKind.Answer, null));
        foreach (string text in new[] { "First ", "this." })
            view.Show(new TokenWritten(MessageKind.Analysis, new MessageDelta(0, Role.Assistant, "analysis", null, null, text)));
        view.Show(new MessageWritten(MessageKind.Analysis, new Message(Role.Assistant, "First this.")));
        view.Show(new TokenWritten(MessageKind.Call, new MessageDelta(1, Role.Assistant, "analysis", "python", "code", "1 + 1")));
        view.Show(new MessageWritten(MessageKind.Call, call));
        view.Show(new CallAnswered(call, new Message(Role.Tool, "2\n"), TimeSpan.Zero));
        view.Show(new TokenWritten(MessageKind.Answer, new MessageDelta(0, Role.Assistant, "final", null, null, "So it is.")));
        view.EndTurn();
        return $"{error}|{output}";
    }

    [Fact]
    public void A_file_is_replaced_only_by_force_where_no_one_can_be_asked()
    {
        using var folder = new TemporaryFolder();
        string file = folder.Write("talk.json", "old");
        Answer answer = RunWith($"/save {file}\n", Asked);
        Assert.Equal((3, $"{file} exists already; /save --force {file} replaces it."), (answer.Code, answer.Sentence));
        Assert.Equal("old", File.ReadAllText(file));
        answer = RunWith($"/save --force {file}\n", Asked);
        Assert.Equal((0, $"Saved 0 turns to {file}."), (answer.Code, answer.Sentence));
        Assert.StartsWith("{\"messages\":[", File.ReadAllText(file), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/save --force", "Expected /save FILE.")]
    [InlineData("/save --frce talk.json", "/save has no option '--frce'; a name that begins with -- is written ./--.")]
    [InlineData("/load --force talk.json", "/load has no option '--force'; a name that begins with -- is written ./--.")]
    [InlineData("/save .", ". is a folder; expected a file.")]
    [InlineData("/load .", ". is a folder; expected a file.")]
    public void A_mistyped_option_or_a_folder_is_not_a_file(string line, string sentence)
    {
        Answer answer = RunWith(line + "\n", Asked);
        Assert.Equal((3, sentence), (answer.Code, answer.Sentence));
    }

    [Fact]
    public void Repairs_are_told_after_the_answer()
    {
        var output = new StringWriter { NewLine = "\n" };
        using var terminal = new Terminal(output, output);
        var view = new ChatView(terminal, ShownReasoning.Show, null);
        view.Show(new Mended(new Repair(3, RepairKind.StrayText, "")));
        view.Show(new TokenWritten(MessageKind.Answer, new MessageDelta(0, Role.Assistant, "final", null, null, "So it is.")));
        view.EndTurn();
        view.EndTurn();
        Assert.Equal("So it is.\nThe model broke the format at token 3, which was mended: stray text\n", output.ToString());
    }
}
