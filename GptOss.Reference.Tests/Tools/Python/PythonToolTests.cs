using System.Diagnostics;
using GptOss.Reference.Harmony;
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

    private const string NoNamespaces = "This system does not let a user make namespaces.";

    private Task<PythonConfinement> Confinement() => _tool.ConfinementAsync(CancellationToken.None);

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
            "[ERROR] Timed out after 3s. The interpreter did not stop. The next call starts a new interpreter; variables are gone.",
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
        if ((await Confinement()).WritesOnlyItsFolder) Assert.Equal("/mnt/data\n", await Run("import os; print(os.getcwd())"));
        _tool.Dispose();
        Assert.False(Directory.Exists(_tool.Folder));
    }

    [Fact]
    public async Task There_is_no_network_where_the_platform_can_deny_it()
    {
        Assert.SkipUnless((await Confinement()).HasNoNetwork, NoNamespaces);
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

    [Fact]
    public async Task A_system_with_user_namespaces_confines_it_wholly()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Namespaces are Linux's.");
        string[] tools = ["unshare", "--user", "--map-root-user", "--net", "--pid", "--fork", "--mount-proc", "setpriv", "--no-new-privs", "prlimit", "--core=0", "true"];
        using Process tried = Process.Start(new ProcessStartInfo("env", tools) { RedirectStandardError = true })!;
        await tried.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.SkipUnless(tried.ExitCode == 0, NoNamespaces);
        // A limit of processes does not hold root; since 6.14 the numbers of a namespace do.
        bool counts = Environment.UserName != "root" || Environment.OSVersion.Version >= new Version(6, 14);
        Assert.Equal(new PythonConfinement(true, true, true, counts, true), await Confinement());
    }

    [Fact]
    public async Task Memory_is_bounded()
    {
        Assert.SkipUnless((await Confinement()).BoundsMemory, "This system has no prlimit.");
        Assert.EndsWith("MemoryError\n", await Run("x = bytearray(6 * 1024**3)"));
        Assert.Equal("1\n", await Run("1"));
    }

    [Fact]
    public async Task Processes_are_bounded()
    {
        using var tool = new PythonTool(new PythonToolOptions { Timeout = TimeSpan.FromSeconds(60), Limits = new PythonLimits { Processes = 16 } });
        Assert.SkipUnless((await tool.ConfinementAsync(CancellationToken.None)).BoundsProcesses, "This system cannot bound processes of a namespace.");
        const string Forks =
            """
            import os, signal
            children = []
            try:
                for _ in range(3000):
                    child = os.fork()
                    if child == 0:
                        signal.pause()
                    children.append(child)
                print("not bounded")
            except OSError as e:
                print(type(e).__name__, len(children) < 400)
            finally:
                for child in children:
                    os.kill(child, 9)
                    os.waitpid(child, 0)
            """;
        Assert.Equal("BlockingIOError True\n", Assert.Single(await tool.InvokeAsync("python", Forks, CancellationToken.None)).Text);
        Assert.Equal("1\n", Assert.Single(await tool.InvokeAsync("python", "1", CancellationToken.None)).Text);
    }

    [Fact]
    public async Task The_length_of_a_file_is_bounded()
    {
        using var tool = new PythonTool(new PythonToolOptions { Limits = new PythonLimits { FileBytes = 10_000 } });
        Assert.SkipUnless((await tool.ConfinementAsync(CancellationToken.None)).BoundsMemory, "This system has no prlimit.");
        string answer = Assert.Single(await tool.InvokeAsync("python", "with open('x', 'wb') as f: f.write(b'x' * 20_000)", CancellationToken.None)).Text;
        Assert.EndsWith("OSError: [Errno 27] File too large\n", answer);
        Assert.True(new FileInfo(Path.Combine(tool.Folder, "x")).Length <= 10_000);
    }

    [Fact]
    public async Task Only_its_own_folder_is_written()
    {
        Assert.SkipUnless((await Confinement()).WritesOnlyItsFolder, NoNamespaces);
        string outside = Path.Combine(AppContext.BaseDirectory, $"written-{Environment.ProcessId}");
        // A folder of temporary files is hidden, any other read-only.
        Assert.Matches("^OSError|^FileNotFoundError", (await Run($"open('{outside}', 'w')")).TrimEnd('\n').Split('\n')[^1]);
        // Nor can the code change its view back.
        Assert.Equal("True True\n", await Run("""
            import subprocess
            mount = subprocess.run(["mount", "-o", "remount,bind,rw", "/"], capture_output=True).returncode != 0
            nested = subprocess.run(["unshare", "--user", "--map-root-user", "--mount", "mount", "-o", "remount,bind,rw", "/"], capture_output=True).returncode != 0
            print(mount, nested)
            """));
        Assert.EndsWith("Read-only file system: '/usr/written'\n", await Run("open('/usr/written', 'w')"));
        Assert.False(File.Exists(outside));
        // Temporary files are its own.
        string temporary = Path.Combine(Path.GetTempPath(), $"written-{Environment.ProcessId}");
        await Run($"open('{temporary}', 'w').write('x')");
        Assert.False(File.Exists(temporary));
    }

    [Fact]
    public async Task Other_processes_and_their_environment_are_out_of_sight()
    {
        Assert.SkipUnless((await Confinement()).WritesOnlyItsFolder, NoNamespaces);
        Assert.Equal("['1']\n", await Run("import os\nprint([name for name in os.listdir('/proc') if name.isdigit()])"));
        // Sockets of the user's session, through which programs outside could be started, are in /run; mount keeps its notes there.
        Assert.Equal("[]\n", await Run("import os\nprint([name for name in os.listdir('/run') if name != 'mount'])"));
    }

    [Fact]
    public async Task What_it_started_ends_with_it()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "It reads /proc.");
        string mark = RunningProcesses.Mark();
        await Run($"import subprocess\nfor s in (True, False): subprocess.Popen(['sleep', '{mark}'], start_new_session=s)");
        Assert.Equal(2, RunningProcesses.Count(mark));
        _tool.Dispose();
        Assert.True(await RunningProcesses.EndAsync(mark));
    }

    [Fact]
    public async Task A_cancelled_call_ends_the_code_and_says_so()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "It reads /proc.");
        string mark = RunningProcesses.Mark();
        await Run("x = 7");
        using var soon = new CancellationTokenSource(500);
        ToolAnswer answer = Assert.Single(await _tool.InvokeAsync("python", $"import subprocess\nsubprocess.run(['sleep', '{mark}'])", soon.Token));
        Assert.Equal("[ERROR] The user stopped the code, which may have had an effect. The next call starts a new interpreter; variables are gone.", answer.Text);
        Assert.True(await RunningProcesses.EndAsync(mark));
        Assert.EndsWith("NameError: name 'x' is not defined\n", await Run("x"));
    }

    [Fact]
    public async Task A_call_that_was_cancelled_before_it_began_runs_nothing()
    {
        await Run("1");
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => _tool.InvokeAsync("python", "open('a', 'w')", new CancellationToken(canceled: true)));
        Assert.Empty(Directory.EnumerateFiles(_tool.Folder));
    }

    [Fact]
    public void A_missing_folder_is_refused() =>
        Assert.Equal(
            "/no/such/folder: there is no such folder.",
            Assert.Throws<DirectoryNotFoundException>(() => new PythonTool(new PythonToolOptions { Folder = "/no/such/folder" })).Message);

    [Theory]
    [InlineData(true, true, true, true, "It can read your files, and write in its own folder only. It has no network. Its limits: 4 GiB of memory a process, 1 GiB a file, 128 processes.")]
    [InlineData(
        false, false, false, false,
        "It can read, change and delete your files. It can use the network: this system could not cut it off. Not limited here: memory, files, processes.")]
    [InlineData(
        true, false, true, false,
        "It can read, change and delete your files. It has no network. Its limits: 4 GiB of memory a process, 1 GiB a file. Not limited here: processes.")]
    public void A_confinement_says_what_the_code_can_do(bool network, bool files, bool memory, bool processes, string expected) =>
        Assert.Equal(expected, new PythonConfinement(network, files, memory, processes, EndsItsChildren: true).Describe(new PythonLimits()));

    [Fact]
    public void Limits_that_leave_nothing_are_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new PythonLimits { MemoryBytes = 0 });
        Assert.Throws<ArgumentOutOfRangeException>(() => new PythonLimits { Processes = 0 });
        Assert.Throws<ArgumentOutOfRangeException>(() => new PythonLimits { FileBytes = 0 });
        Assert.Throws<ArgumentOutOfRangeException>(() => new PythonLimits { ProcessorSeconds = 0 });
    }
}
