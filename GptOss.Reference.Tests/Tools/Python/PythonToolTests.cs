using System.Diagnostics;
using GptOss.Tools.Python;
using Xunit;

namespace GptOss.Reference.Tests.Tools.Python;

public sealed class PythonToolTests : IDisposable
{
    private readonly PythonTool _tool = new(new PythonToolOptions { Timeout = TimeSpan.FromSeconds(3), OutputBytes = 1000 });

    public void Dispose() => _tool.Dispose();

    private async Task<string> Run(string code)
    {
        Assert.SkipUnless(HasPython.Value, "There is no python3.");
        string text = Assert.Single(await _tool.InvokeAsync("python", code, CancellationToken.None)).Text;
        return text.StartsWith("[NOTE]", StringComparison.Ordinal) ? text[(text.IndexOf('\n') + 1)..] : text;
    }

    private static readonly Lazy<bool> HasPython = new(() =>
    {
        try
        {
            using Process? process = Process.Start(new ProcessStartInfo("python3", "--version") { RedirectStandardOutput = true });
            return process is not null && process.WaitForExit(10_000);
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    });

    [Fact]
    public async Task State_is_kept_and_the_last_expression_shown()
    {
        Assert.Equal("4\n", await Run("x = 2\nprint(x + 2)"));
        Assert.Equal("6\n", await Run("x * 3"));
        Assert.Equal("'é😀'\n", await Run("def f():\n    return 'é😀'\nf()"));
        Assert.Equal("[WARN] No output available. Use print() to output anything to stdout to receive the output", await Run("y = None\ny"));
    }

    [Fact]
    public async Task Errors_come_after_the_output_with_the_code_s_own_lines()
    {
        string answer = await Run("print('before')\n1 / 0");
        Assert.StartsWith("before\nTraceback (most recent call last):\n", answer);
        Assert.Contains("File \"<cell 1>\", line 2", answer);
        Assert.Contains("1 / 0", answer);
        Assert.EndsWith("ZeroDivisionError: division by zero\n", answer);
        Assert.Contains("SyntaxError", await Run("print("));
        Assert.Contains("SystemExit", await Run("import sys; sys.exit(3)"));
        Assert.Equal("1\n", await Run("1"));
    }

    [Fact]
    public async Task What_a_child_prints_is_caught()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "It is a shell's echo.");
        Assert.Equal("sub\n0\n", await Run("import os\nos.system('echo sub')"));
    }

    [Fact]
    public async Task Code_that_takes_too_long_is_interrupted_and_state_kept()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no alarms.");
        Assert.Equal("begun\n[ERROR] Timed out after 3s; the code was interrupted, variables are kept.", await Run("x = 7\nprint('begun')\nwhile True: pass"));
        Assert.Equal("7\n", await Run("x"));
    }

    [Fact]
    public async Task An_interpreter_that_does_not_stop_is_replaced()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no alarms.");
        Assert.Equal(
            "[ERROR] Timed out after 3s. The interpreter did not stop and was replaced; its variables are gone.",
            await Run("import signal\nsignal.signal(signal.SIGALRM, signal.SIG_IGN)\nwhile True: pass"));
        Assert.Equal("1\n", await Run("1"));
    }

    [Fact]
    public async Task An_interpreter_that_dies_is_replaced()
    {
        Assert.StartsWith("[ERROR] No result: the interpreter ended", await Run("import os; os._exit(9)"));
        Assert.StartsWith("[ERROR] No result: the interpreter ended", await Run("import os; os.kill(os.getpid(), 9) or os.abort()"));
        Assert.Equal("1\n", await Run("1"));
    }

    [Fact]
    public async Task A_forged_answer_is_no_answer()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "It looks for descriptors.");
        string answer = await Run("import os\nfor fd in range(3, 20):\n    try: os.write(fd, b'\\xff\\xff\\xff\\xff{}')\n    except OSError: pass");
        Assert.StartsWith("[ERROR]", answer);
        Assert.Equal("1\n", await Run("1"));
    }

    [Fact]
    public async Task Output_has_a_limit()
    {
        string answer = await Run("print('x' * 10_000_000)");
        Assert.Equal(new string('x', 1000) + "\n[cut: more than 1000 bytes of output]", answer);
        Assert.Equal("1\n", await Run("1"));
    }

    [Fact]
    public async Task Files_are_kept_in_a_folder_that_goes_with_the_tool()
    {
        await Run("open('a.txt', 'w').write('x')");
        Assert.True(File.Exists(Path.Combine(_tool.Folder, "a.txt")));
        if (_tool.HasNoNetwork) Assert.Equal("/mnt/data\n", await Run("import os; print(os.getcwd())"));
        _tool.Dispose();
        Assert.False(Directory.Exists(_tool.Folder));
    }

    [Fact]
    public async Task There_is_no_network_where_the_platform_can_deny_it()
    {
        await Run("1");
        Assert.SkipUnless(_tool.HasNoNetwork, "This platform does not let a user make namespaces.");
        Assert.Equal("['lo']\n", await Run("import socket\n[name for _, name in socket.if_nameindex()]"));
    }

    [Fact]
    public async Task Keys_of_the_caller_are_not_handed_on()
    {
        Environment.SetEnvironmentVariable("GPTOSS_TEST_SECRET", "s");
        Assert.Equal("None\n", await Run("import os; print(os.environ.get('GPTOSS_TEST_SECRET'))"));
    }

    [Fact]
    public async Task A_missing_interpreter_is_an_answer()
    {
        using var tool = new PythonTool(new PythonToolOptions { Interpreter = "/no/such/python" });
        Assert.Contains("[ERROR] No result: ", Assert.Single(await tool.InvokeAsync("python", "1", CancellationToken.None)).Text);
    }
}
