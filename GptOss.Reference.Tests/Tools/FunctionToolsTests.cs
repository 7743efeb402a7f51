using GptOss.Reference.Tests.Checkpoints;
using GptOss.Reference.Tools;
using Xunit;

namespace GptOss.Reference.Tests.Tools;

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

    [Fact]
    public async Task A_program_that_hangs_is_stopped_with_all_it_started()
    {
        var clock = System.Diagnostics.Stopwatch.StartNew();
        Assert.Equal("f did not end within 0.5 s and was stopped.", await Call(Shell("sleep 60 & sleep 60", 0.5)));
        Assert.True(clock.Elapsed < TimeSpan.FromSeconds(20), $"{clock.Elapsed}");
    }

    [Fact]
    public async Task A_program_that_floods_is_stopped()
    {
        string answer = await Call(Shell("yes"));
        Assert.EndsWith($"[cut: f printed more than {FunctionTools.OutputBytes} bytes]", answer);
        Assert.True(answer.Length < FunctionTools.OutputBytes + 100);
    }

    [Fact]
    public async Task A_program_that_leaves_its_input_or_its_children_behind_is_no_matter()
    {
        Assert.Equal("ok", await Call(Shell("exec 0<&-; echo ok"), new string('x', 1 << 20)));
        Assert.Equal("ok", await Call(Shell("sleep 30 & echo ok")));
    }

    [Fact]
    public async Task A_missing_program_and_an_unknown_function_are_answers()
    {
        var tools = new FunctionTools([new FunctionTool("f", "", null, ["/no/such/program"], TimeSpan.FromSeconds(1))]);
        Assert.StartsWith("The program of f could not be started: ", await Call(tools));
        Assert.Equal("There is no function functions.g.", (await tools.InvokeAsync("functions.g", "", CancellationToken.None))[0].Text);
    }

    [Fact]
    public async Task Cancelling_ends_the_call()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "The programs are shell scripts.");
        using var soon = new CancellationTokenSource(200);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Shell("sleep 60").InvokeAsync("functions.f", "", soon.Token));
    }

    [Fact]
    public void A_file_describes_functions()
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write("tools.json", """
            {"tools":[{"type":"function","function":{"name":"get_weather","description":"Weather.","parameters":{"type":"object"}},"command":["prog","arg"],"timeout_s":2.5},
            {"type":"function","function":{"name":"now"},"command":["date"]}]}
            """);
        FunctionTools tools = FunctionTools.FromFile(path);
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
    [InlineData("{\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"a\"},\"command\":[]}]}", ": tools[0].command: expected a program and its arguments, [\"prog\", \"arg\"].")]
    [InlineData("{\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"a\"},\"command\":\"ls\"}]}", ": tools[0].command: expected a program and its arguments, [\"prog\", \"arg\"].")]
    [InlineData("{\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"a b\"},\"command\":[\"x\"]}]}", ": tools[0].function.name: expected a name of letters, digits, underscores and hyphens.")]
    [InlineData("{\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"a\",\"parameters\":1},\"command\":[\"x\"]}]}", ": tools[0].function.parameters: expected a JSON Schema object.")]
    [InlineData("{\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"a\"},\"command\":[\"x\"],\"timeout_s\":-1}]}", ": tools[0].timeout_s: expected seconds, above 0 and at most 3600.")]
    public void A_file_that_breaks_a_rule_is_refused(string json, string message)
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write("tools.json", json);
        Assert.Equal(path + message, Assert.Throws<ToolFormatException>(() => FunctionTools.FromFile(path)).Message);
    }

    [Fact]
    public void A_byte_order_mark_is_no_part_of_a_file()
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write("tools.json", "\uFEFF" + """{"tools": [{"type": "function", "function": {"name": "f", "description": ""}, "command": ["true"]}]}""");
        Assert.Equal("f", Assert.Single(FunctionTools.FromFile(path).Functions).Name);
    }

    [Theory]
    [InlineData("{")]
    [InlineData("{\"tools\":[{\"type\":\"\\ud800\"}]}")]
    public void A_file_that_is_no_JSON_is_refused(string json)
    {
        using var folder = new TemporaryFolder();
        Assert.Throws<ToolFormatException>(() => FunctionTools.FromFile(folder.Write("tools.json", json)));
        Assert.Throws<ToolFormatException>(() => FunctionTools.FromFile(folder.File("missing.json")));
    }
}
