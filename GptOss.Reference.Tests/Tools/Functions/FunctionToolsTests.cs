using System.Diagnostics;
using GptOss.Reference.Harmony;
using GptOss.Reference.Tests.Checkpoints;
using GptOss.Tools.Functions;
using Xunit;

namespace GptOss.Reference.Tests.Tools.Functions;

public sealed class FunctionToolsTests
{
    private static FunctionTools Shell(string script, double seconds = 10) =>
        new([new FunctionTool("f", "", null, ["sh", "-c", script], TimeSpan.FromSeconds(seconds))]);

    private static async Task<string> Call(FunctionTools tools, string arguments = "{\"a\":1}")
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "The programs are shell scripts.");
        return Assert.Single(await tools.InvokeAsync("functions.f", arguments, CancellationToken.None)).Text;
    }

    [Fact]
    public async Task Arguments_arrive_on_standard_input_and_the_name_in_GPTOSS_TOOL() =>
        Assert.Equal("f {\"a\":\"ü😀\"}", await Call(Shell("printf '%s ' \"$GPTOSS_TOOL\"; cat; echo"), "{\"a\":\"ü😀\"}"));

    [Fact]
    public async Task A_failing_program_answers_with_its_standard_error()
    {
        Assert.Equal("no such city", await Call(Shell("echo partial; echo no such city >&2; exit 3")));
        Assert.Equal("f failed with exit code 3 and no message.", await Call(Shell("exit 3")));
    }

    [Fact]
    public async Task No_shell_reads_the_command()
    {
        var tools = new FunctionTools([new FunctionTool("f", "", null, ["printf", "%s|", "$HOME; ls", "a b"], TimeSpan.FromSeconds(10))]);
        Assert.Equal("$HOME; ls|a b|", await Call(tools));
    }

    [Theory]
    [InlineData("sleep MARK & sleep MARK")]
    [InlineData("(sleep MARK &) ; sleep MARK")]                       // an orphan: only its group still leads to it
    [InlineData("(trap '' TERM; exec sleep MARK) & (trap '' TERM; sleep MARK & ) ; wait; sleep MARK")]   // they ignore the request to end
    [InlineData("trap '' TERM; setsid sleep MARK & wait; wait")]                // a session of its own: the tree leads to it
    public async Task A_program_that_hangs_is_stopped_with_all_it_started(string script)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "It reads /proc.");
        string mark = RunningProcesses.Mark();
        var clock = Stopwatch.StartNew();
        Assert.Equal("f did not end within 0.5 s and was stopped. It may have had an effect.", await Call(Shell(script.Replace("MARK", mark), 0.5)));
        Assert.True(await RunningProcesses.EndAsync(mark));
        Assert.True(clock.Elapsed < TimeSpan.FromSeconds(20), $"{clock.Elapsed}");
    }

    [Fact]
    public async Task The_children_of_a_program_end_with_it()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "It reads /proc.");
        string mark = RunningProcesses.Mark();
        Assert.Equal("ok", await Call(Shell($"(sleep {mark} &); sleep {mark} & echo ok")));
        Assert.True(await RunningProcesses.EndAsync(mark));
    }

    [Fact]
    public async Task A_program_is_asked_to_end_before_it_is_killed()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Elsewhere a program is killed at once.");
        using var folder = new TemporaryFolder();
        string script = $"trap 'echo tidy > {folder.File("tidied")}; exit' TERM; sleep 60 & wait";
        Assert.EndsWith("It may have had an effect.", await Call(Shell(script, 1)));
        Assert.Equal("tidy\n", File.ReadAllText(folder.File("tidied")));
    }

    [Fact]
    public async Task A_program_that_floods_is_stopped()
    {
        string answer = await Call(Shell("yes"));
        Assert.EndsWith($"\n[cut: f printed more than {FunctionTools.OutputBytes} bytes and was stopped. It may have had an effect.]", answer);
        Assert.StartsWith(string.Concat(Enumerable.Repeat("y\n", FunctionTools.OutputBytes / 2)), answer);
        Assert.True(answer.Length < FunctionTools.OutputBytes + 150);
    }

    [Fact]
    public async Task A_program_need_not_read_its_input() =>
        Assert.Equal("ok", await Call(Shell("exec 0<&-; echo ok"), new string('x', 1 << 20)));

    [Fact]
    public async Task A_missing_program_and_an_unknown_function_are_answers()
    {
        var tools = new FunctionTools([new FunctionTool("f", "", null, ["/no/such/program"], TimeSpan.FromSeconds(1))]);
        Assert.Equal("The program of f could not be started: there is no program '/no/such/program' that can be executed.", await Call(tools));
        Assert.Equal("There is no function functions.g.", (await tools.InvokeAsync("functions.g", "", CancellationToken.None))[0].Text);
    }

    [Fact]
    public async Task A_file_without_the_right_to_execute_is_not_a_program()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no such right.");
        using var folder = new TemporaryFolder();
        var tools = new FunctionTools([new FunctionTool("f", "", null, [folder.Write("f.sh", "#!/bin/sh\necho ok\n")], TimeSpan.FromSeconds(10))]);
        Assert.EndsWith("f.sh' that can be executed.", await Call(tools));
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(folder.File("f.sh"), UnixFileMode.UserRead | UnixFileMode.UserExecute);
        Assert.Equal("ok", await Call(tools));
    }

    [Fact]
    public async Task A_cancelled_call_says_that_it_may_have_had_an_effect_and_all_it_started_has_ended()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "It reads /proc.");
        string mark = RunningProcesses.Mark();
        using var soon = new CancellationTokenSource(300);
        ToolAnswer answer = Assert.Single(await Shell($"(sleep {mark} &); sleep {mark}").InvokeAsync("functions.f", "", soon.Token));
        Assert.Equal("f was stopped by the user. It may have had an effect.", answer.Text);
        Assert.True(await RunningProcesses.EndAsync(mark));
    }

    [Fact]
    public async Task A_call_that_was_cancelled_before_it_began_runs_nothing()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "The programs are shell scripts.");
        using var folder = new TemporaryFolder();
        ToolAnswer answer =
            Assert.Single(await Shell($"touch {folder.File("x")}").InvokeAsync("functions.f", "", new CancellationToken(canceled: true)));
        Assert.Equal("The program of f could not be started: the call was cancelled.", answer.Text);
        Assert.Empty(folder.Names());
    }

    [Theory]
    [InlineData("exit 7", 7, "f failed with exit code 7 and no message.")]
    [InlineData("echo ok", 0, "ok")]
    [InlineData("sleep 60", null, "f did not end within 0.5 s and was stopped. It may have had an effect.")]
    public async Task A_result_has_the_exit_code(string script, int? code, string answer)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "The programs are shell scripts.");
        Assert.Equal(new FunctionResult(answer, code), await Shell(script, code is null ? 0.5 : 10).CallAsync("f", "{}", CancellationToken.None));
        await Assert.ThrowsAsync<ArgumentException>(() => Shell(script).CallAsync("g", "{}", CancellationToken.None));
    }

    [Fact]
    public void A_file_describes_functions()
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write("tools.json", """
            {"tools":[{"type":"function","function":{"name":"get_weather","description":"Weather.","parameters":{"type":"object"}},
            "command":["prog","arg"],
            "timeout_s":2.5},{"type":"function","function":{"name":"now"},"command":["date"]}]}
            """);
        var tools = FunctionTools.FromFile(path);
        Assert.Equal(["get_weather", "now"], tools.Functions.Select(function => function.Name));
        Assert.Equal(TimeSpan.FromSeconds(2.5), tools.Functions[0].Timeout);
        Assert.Equal(["prog", "arg"], tools.Functions[0].Command);
        Assert.Equal("object", tools.Functions[0].Parameters!.Value.GetProperty("type").GetString());
        Assert.True(tools.IsFor("functions.now"));
        Assert.False(tools.IsFor("functions.nowhere"));
    }

    [Theory]
    [InlineData("[]", ": expected an object with an array \"tools\".")]
    [InlineData("{\"tools\":[1]}", ": tools[0]: expected an object.")]
    [InlineData("{\"tools\":[{\"type\":\"x\"}]}", ": tools[0].type: expected \"function\".")]
    [InlineData("{\"tools\":[{\"type\":\"function\"}]}", ": tools[0].function: expected an object with name, description and parameters.")]
    [InlineData("{\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"a\"},\"command\":[]}]}",
        ": tools[0].command: expected a program and its arguments, [\"prog\", \"arg\"].")]
    [InlineData("{\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"a\"},\"command\":\"ls\"}]}",
        ": tools[0].command: expected a program and its arguments, [\"prog\", \"arg\"].")]
    [InlineData("{\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"a b\"},\"command\":[\"x\"]}]}",
        ": tools[0].function.name: expected a name of 1 to 64 letters, digits, underscores and hyphens.")]
    [InlineData("{\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"a\",\"description\":5},\"command\":[\"x\"]}]}",
        ": tools[0].function.description: expected a string.")]
    [InlineData("{\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"a\"},\"command\":[\"x\"],\"timeout_s\":3601}]}",
        ": tools[0].timeout_s: expected seconds, above 0 and at most 3600.")]
    [InlineData(
        "{\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"a\"},\"command\":[\"x\"]}," +
        "{\"type\":\"function\",\"function\":{\"name\":\"a\"},\"command\":[\"y\"]}]}",
        ": tools[1]: a second function \"a\".")]
    [InlineData("{\"tools\":[]}", ": \"tools\" is empty; expected at least one function.")]
    [InlineData("{\"tools\":[\n  {,", ": line 2, byte 4: not JSON.")]
    [InlineData("{\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"a\",\"parameters\":1},\"command\":[\"x\"]}]}",
        ": tools[0].function.parameters: expected a JSON Schema object.")]
    [InlineData("{\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"a\"},\"command\":[\"x\"],\"timeout_s\":-1}]}",
        ": tools[0].timeout_s: expected seconds, above 0 and at most 3600.")]
    public void A_file_that_breaks_a_rule_is_refused(string json, string message)
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write("tools.json", json);
        Assert.Equal(path + message, Assert.Throws<ToolFormatException>(() => FunctionTools.FromFile(path)).Message);
    }

    [Theory]
    [InlineData("{", "line 1, byte 2: not JSON.")]
    [InlineData("{\"tools\":[{\"type\":\"\\ud800\"}]}", "a text is not valid Unicode.")]
    public void A_file_that_is_not_JSON_is_refused(string json, string why)
    {
        using var folder = new TemporaryFolder();
        Assert.Equal($"{folder.File("tools.json")}: {why}",
            Assert.Throws<ToolFormatException>(() => FunctionTools.FromFile(folder.Write("tools.json", json))).Message);
        Assert.Throws<ToolFormatException>(() => FunctionTools.FromFile(folder.Write("tools.json", [0x7B, 0x22, 0xFF, 0x22, 0x7D])));
    }

    [Fact]
    public void A_path_that_is_not_a_file_is_refused_in_a_sentence()
    {
        using var folder = new TemporaryFolder();
        Assert.Equal(
            $"{folder.File("missing.json")}: there is no such file.",
            Assert.Throws<ToolFormatException>(() => FunctionTools.FromFile(folder.File("missing.json"))).Message);
        Assert.Equal(
            $"{folder.Path}: a folder; expected a file of functions.",
            Assert.Throws<ToolFormatException>(() => FunctionTools.FromFile(folder.Path)).Message);
    }

    [Fact]
    public void A_byte_order_mark_is_skipped()
    {
        using var folder = new TemporaryFolder();
        string path =
            folder.Write("tools.json", "\uFEFF{\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"now\"},\"command\":[\"date\"]}]}");
        Assert.Equal("now", Assert.Single(FunctionTools.FromFile(path).Functions).Name);
    }

    [Fact]
    public void A_file_beyond_the_limit_is_refused_without_being_read_whole()
    {
        Assert.SkipUnless(File.Exists("/dev/zero"), "There is no endless file here.");
        Assert.Equal("/dev/zero: larger than 4194304 bytes.", Assert.Throws<ToolFormatException>(() => FunctionTools.FromFile("/dev/zero")).Message);
    }
}
