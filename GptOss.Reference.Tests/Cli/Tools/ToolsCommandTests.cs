using System.Text.Json.Nodes;
using GptOss.Reference.Tests.Checkpoints;
using Xunit;
using static GptOss.Reference.Tests.Cli.CommandLine;

namespace GptOss.Reference.Tests.Cli.Tools;

public class ToolsCommandTests
{
    [Theory]
    [InlineData("apply-patch", "apply_patch.jsonl", 240, "after", "error")]
    [InlineData("browser", "browser.jsonl", 60, "results", "results")]
    [InlineData("citations", "citations.jsonl", 40, "normalized", "deltas")]
    public void Recorded_lines_are_answered_line_for_line(string tool, string file, int count, string key, string other)
    {
        string recorded = File.ReadAllText(Path.Combine(TestData.Root, "tools", file));
        Answer answer = RunWith(recorded, "tools", tool, "--jsonl");
        Assert.Equal((0, ""), (answer.Code, answer.Error));
        string[] lines = answer.Out.TrimEnd('\n').Split('\n');
        Assert.Equal(count, lines.Length);
        Assert.Equal(recorded.TrimEnd('\n').Split('\n').Select(line => (string)JsonNode.Parse(line)!["name"]!),
            lines.Select(line => (string)JsonNode.Parse(line)!["name"]!));
        Assert.All(lines, line => Assert.True(JsonNode.Parse(line)![key] is not null || JsonNode.Parse(line)![other] is not null, line));
        Assert.Equal(answer.Out, Run("tools", tool, "--jsonl", Path.Combine(TestData.Root, "tools", file)).Out);
    }

    [Fact]
    public void A_malformed_line_is_answered_and_the_others_too()
    {
        Answer answer = RunWith("x\n\n{\"name\":\"a\",\"page_stack\":[],\"text\":\"t\u2028\"}\n", "tools", "citations", "--jsonl");
        Assert.Equal(3, answer.Code);
        string[] lines = answer.Out.TrimEnd('\n').Split('\n');
        Assert.StartsWith("malformed line: ", (string)JsonNode.Parse(lines[0])!["error"]!);
        Assert.Equal("t\u2028", (string)JsonNode.Parse(lines[1])!["normalized"]!);
    }

    [Fact]
    public void A_patch_is_applied_to_a_folder_or_refused()
    {
        using var folder = new TemporaryFolder();
        folder.Write("p", "one\n");
        Answer answer = RunWith("*** Begin Patch\n*** Update File: p\n@@\n-one\n+two\n*** End Patch\n", "tools", "apply-patch", "--root",
            folder.Path);
        Assert.Equal((0, "Done!\n", "p\n"), (answer.Code, answer.Out, answer.Error));
        Assert.Equal("two\n", File.ReadAllText(folder.File("p")));
        answer = RunWith("*** Begin Patch\n*** Add File: ../p\n+x\n*** End Patch\n", "tools", "apply-patch", "--root", folder.Path);
        Assert.Equal((3, "", "../p: the path leaves the root folder."), (answer.Code, answer.Out, answer.Sentence));
    }

    [Fact]
    public void A_browser_reads_calls_as_people_write_them()
    {
        using var folder = new TemporaryFolder();
        folder.Write("a.html", "<html><title>A</title><body><a href='b.html'>to b</a> rust</body></html>");
        folder.Write("b.html", "<html><title>B</title><body>it's b</body></html>");
        Answer answer = RunWith("search rust\nopen 0\nopen 0\nfind it's\nopen {\"cursor\": 9}\nopen https://folder.local/c\n", "tools", "browser",
            "--pages", folder.Path);
        Assert.Equal(0, answer.Code);
        Assert.Contains("[0] rust\n", answer.Out);
        Assert.Contains("[1] A (https://folder.local/a.html)\n", answer.Out);
        Assert.Contains("[2] B (https://folder.local/b.html)\n", answer.Out);
        Assert.Contains("[3] Find results for text: `it's` in `B`", answer.Out);
        Assert.Contains("Cursor `9` is out of range. Available cursor indices: [0 - 3].\n", answer.Out);
        Assert.EndsWith("Error fetching URL `https://folder.local/c`: No contents returned for https://folder.local/c\n", answer.Out);
        Assert.Equal((2, "The browser needs one source of pages: --pages or --live."),
            (Run("tools", "browser").Code, Run("tools", "browser").Sentence));
        Assert.Equal(3, Run("tools", "browser", "--pages", folder.Write("bad.json", "[]")).Code);
    }

    [Fact]
    public void Citations_become_links() => Assert.Equal(
        "see  ([a.example](https://a.example/x)) \n", RunWith("see 【0†L1】\n", "tools", "citations", "--page", "https://a.example/x").Out);

    [Fact]
    public void A_function_is_listed_and_called()
    {
        using var folder = new TemporaryFolder();
        string file = folder.Write("f.json",
            "{\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"echo\",\"description\":\"Says it.\"},\"command\":[\"cat\"]}]}");
        Assert.Equal("echo  Says it.\n", Run("tools", "function", file).Out);
        Assert.Equal((2, "Unknown function 'f'; the file has echo."),
            (Run("tools", "function", file, "f").Code, Run("tools", "function", file, "f").Sentence));
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no cat.");
        Assert.Equal("{\"a\":1}\n", Run("tools", "function", file, "echo", "{\"a\":1}").Out);
    }

    [Fact]
    public void Of_many_functions_the_first_are_named()
    {
        using var folder = new TemporaryFolder();
        string file = folder.Write("f.json", $$"""{"tools":[{{string.Join(',', Enumerable.Range(0, 500).Select(i =>
            $$"""{"type":"function","function":{"name":"f{{i}}"},"command":["true"]}"""))}}]}""");
        Assert.Equal($"Unknown function 'f'; the file has {string.Join(", ", Enumerable.Range(0, 20).Select(i => $"f{i}"))} and 480 more.",
            Run("tools", "function", file, "f").Sentence);
    }

    [Theory]
    [InlineData("7")]
    [InlineData("0")]
    public void A_function_s_exit_code_is_passed_on(string code)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "The program is a shell script.");
        using var folder = new TemporaryFolder();
        string file = folder.Write("f.json",
            $"{{\"tools\":[{{\"type\":\"function\",\"function\":{{\"name\":\"f\"}},\"command\":[\"sh\",\"-c\",\"echo no >&2; exit {code}\"]}}]}}");
        Assert.Equal(int.Parse(code, System.Globalization.CultureInfo.InvariantCulture), Run("tools", "function", file, "f").Code);
    }

    [Fact]
    public void A_function_whose_program_is_missing_is_bad_input()
    {
        using var folder = new TemporaryFolder();
        string file = folder.Write("f.json", "{\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"},\"command\":[\"/no/such\"]}]}");
        Answer answer = Run("tools", "function", file, "f");
        Assert.Equal((3, "The program of f could not be started: there is no program '/no/such' that can be executed.\n"), (answer.Code, answer.Out));
    }

    [Fact]
    public void Saved_pages_may_come_from_standard_input_if_the_calls_do_not()
    {
        using var folder = new TemporaryFolder();
        string calls = folder.Write("calls", "open https://a.example/\n");
        Answer answer = RunWith("{\"pages\": {\"https://a.example/\": \"<p>hello</p>\"}}", "tools", "browser", "--pages", "-", calls);
        Assert.Equal((0, ""), (answer.Code, answer.Error));
        Assert.Contains("hello", answer.Out);
        Assert.Equal(
            (2, "Pages and calls cannot both come from standard input; give one of them in a file."),
            (RunWith("{}", "tools", "browser", "--pages", "-").Code, RunWith("{}", "tools", "browser", "--pages", "-", "-").Sentence));
        Answer bad = RunWith("[", "tools", "browser", "--pages", "-", calls);
        Assert.Equal(3, bad.Code);
        Assert.StartsWith("standard input: ", bad.Sentence);
    }

    [Fact]
    public void Python_says_what_it_can_do_before_it_runs()
    {
        using var folder = new TemporaryFolder();
        Answer answer = RunWith("print(6 * 7)", "tools", "python");
        Assert.SkipWhen(answer.Out.Contains("[ERROR] No result", StringComparison.Ordinal), "There is no python3.");
        Assert.Equal((0, "42\n"),
            (answer.Code, answer.Out[(answer.Out.StartsWith("[NOTE]", StringComparison.Ordinal) ? answer.Out.IndexOf('\n') + 1 : 0)..]));
        Assert.StartsWith("It can read", answer.Error);
        Assert.Contains("network", answer.Error);
    }

    [Fact]
    public void A_folder_for_temporary_files_that_is_missing_is_named()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has other variables.");
        Answer answer = RunProcess(new Dictionary<string, string> { ["TMPDIR"] = "/no/such/folder" }, "tools", "python", "/dev/null");
        Assert.Equal(3, answer.Code);
        Assert.StartsWith("/no/such/folder/: temporary files cannot be kept there; set TMPDIR to a folder that can be written.", answer.Sentence);
    }
}
