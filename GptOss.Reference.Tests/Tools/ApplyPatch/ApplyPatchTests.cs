using FsCheck;
using FsCheck.Fluent;
using GptOss.Reference.Harmony;
using GptOss.Reference.Tests.Checkpoints;
using GptOss.Tools.ApplyPatch;
using Xunit;

namespace GptOss.Reference.Tests.Tools.ApplyPatch;

public class ApplyPatchTests
{
    private static string PatchOf(params string[] lines) => string.Join('\n', (string[])["*** Begin Patch", .. lines, "*** End Patch", ""]);

    [Theory]
    [InlineData("../x")]
    [InlineData("/etc/x")]
    [InlineData("a/../../x")]
    [InlineData("a/..")]
    [InlineData(".")]
    [InlineData("a\0b")]
    public void A_path_that_leaves_the_root_is_an_error_wherever_it_stands(string path)
    {
        using var folder = new TemporaryFolder();
        folder.Write("p", "one\n");
        string[] patches =
        [
            PatchOf($"*** Add File: {path}", "+x"),
            PatchOf($"*** Delete File: {path}"),
            PatchOf($"*** Update File: {path}", "@@", "-one"),
            PatchOf("*** Update File: p", $"*** Move to: {path}", "@@", "-one"),
        ];
        foreach (string patch in patches)
        {
            Assert.Equal($"{path}: the path leaves the root folder.", Assert.Throws<PatchException>(() => Patch.ApplyToFolder(patch, folder.Path)).Message);
            Assert.Throws<PatchException>(() => Patch.ApplyToFiles(patch, new Dictionary<string, string> { ["p"] = "one\n", [path] = "one\n" }));
        }
        Assert.Equal(["p"], folder.Names());
    }

    [Fact]
    public void A_symbolic_link_does_not_lead_out_of_the_folder()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Links need a right on Windows.");
        using var outside = new TemporaryFolder();
        using var folder = new TemporaryFolder();
        string secret = outside.Write("secret", "one\n");
        File.CreateSymbolicLink(folder.File("file"), secret);
        Directory.CreateSymbolicLink(folder.File("dir"), outside.Path);
        File.CreateSymbolicLink(folder.File("loop"), folder.File("loop"));
        foreach (string path in (string[])["file", "dir/secret", "dir/../dir/secret"])
        {
            Assert.EndsWith("leaves the root folder.", Assert.Throws<PatchException>(() => Patch.ApplyToFolder(PatchOf($"*** Update File: {path}", "@@", "-one"), folder.Path)).Message);
            Assert.Throws<PatchException>(() => Patch.ApplyToFolder(PatchOf($"*** Delete File: {path}"), folder.Path));
            Assert.Throws<PatchException>(() => Patch.ApplyToFolder(PatchOf($"*** Add File: {path}", "+x"), folder.Path));
        }
        Assert.Throws<PatchException>(() => Patch.ApplyToFolder(PatchOf("*** Add File: dir/new", "+x"), folder.Path));
        Assert.Contains("symbolic links", Assert.Throws<PatchException>(() => Patch.ApplyToFolder(PatchOf("*** Add File: loop", "+x"), folder.Path)).Message);
        Assert.Equal("one\n", File.ReadAllText(secret));
        Assert.Equal(["secret"], outside.Names());
    }

    [Fact]
    public void A_link_inside_the_folder_is_followed_and_stays()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Links need a right on Windows.");
        using var folder = new TemporaryFolder();
        folder.Write("real", "one\n");
        File.CreateSymbolicLink(folder.File("link"), "real");
        Patch.ApplyToFolder(PatchOf("*** Update File: link", "@@", "-one", "+two"), folder.Path);
        Assert.Equal("two\n", File.ReadAllText(folder.File("real")));
        Assert.NotNull(new FileInfo(folder.File("link")).LinkTarget);
    }

    [Fact]
    public void A_step_that_fails_takes_all_others_back()
    {
        using var folder = new TemporaryFolder();
        folder.Write("a", "one\n");
        folder.Write("b", "one\n");
        folder.Write("file", "");
        folder.Write("dir/inner", "");
        string[] before = folder.Names();
        foreach (string impossible in (string[])["dir", "file/below"])
        {
            string patch = PatchOf("*** Update File: a", "@@", "-one", "+two", "*** Delete File: b", "*** Add File: new/folder/c", "+x", $"*** Add File: {impossible}", "+x");
            Assert.StartsWith("The patch was not applied: ", Assert.Throws<PatchException>(() => Patch.ApplyToFolder(patch, folder.Path)).Message);
            Assert.Equal(before, folder.Names());
            Assert.Equal("one\n", File.ReadAllText(folder.File("a")));
        }
    }

    [Fact]
    public void Bytes_around_a_change_stay_what_they_are()
    {
        using var folder = new TemporaryFolder();
        byte[] bytes = [0xEF, 0xBB, 0xBF, .. "one\r\ntwo\rx\x0c\nthree"u8];
        folder.Write("p", bytes);
        Patch.ApplyToFolder(PatchOf("*** Update File: p", "@@", "-three", "+four"), folder.Path);
        Assert.Equal([.. bytes[..^5], .. "four"u8], File.ReadAllBytes(folder.File("p")));
        Assert.Equal(["p"], folder.Names());
    }

    [Theory]
    [InlineData("a\r\nb\r\nc\r\n", "a\r\nB\r\nc\r\n", " a", "-b", "+B", " c")]                       // replaced
    [InlineData("a\r\nb\r\n", "a\r\nx\r\ny\r\nb\r\n", " a", "+x", "+y", " b")]                             // follows
    [InlineData("a\r\n", "x\r\na\r\n", "+x", " a")]                                                   // in front of the first line
    [InlineData("a\r\nb\nc\r\n", "a\r\nX\nY\nZ\nc\r\n", " a", "-b", "+X", "+Y", "+Z", " c")]             // each kind where it was
    [InlineData("a\r\nb\nc\r\n", "X\r\nY\nc\r\n", "-a", "-b", "+X", "+Y", " c")]                        // line for line
    [InlineData("a\r\nb", "a\r\nb\r\nc", " b", "+c")]                                                 // after a last line without end
    [InlineData("a\r\nb", "a\r\nc", "-b", "+c")]                                                      // a last line without end
    [InlineData("a\r\nb\r\n", "a\r\nb", " a", " b", "-")]                                             // the end of the last line goes
    [InlineData("a", "a\nb", " a", "+b")]                                                            // no line end to go by
    [InlineData("a\r\nb\r", "a\r\nx\r\nb\r", " a", "+x")]                                              // a CR that ends no line is content
    [InlineData("a\r\n", "", "-a")]
    public void An_inserted_line_ends_as_the_line_that_it_replaces_or_follows(string before, string after, params string[] hunk)
    {
        using var folder = new TemporaryFolder();
        folder.Write("p", before);
        string patch = PatchOf(["*** Update File: p", "@@", .. hunk]);
        Assert.Equal(after, Patch.ApplyToFiles(patch, new Dictionary<string, string> { ["p"] = before })["p"]);
        Patch.ApplyToFolder(patch, folder.Path);
        Assert.Equal(after, File.ReadAllText(folder.File("p")));
    }

    [Theory]
    [InlineData(" a\na\nb\n", " a\nx\nb\n", "-a", "+x")]                  // an equal line before one that only looks like it
    [InlineData(" a\na \nb\n", " a\nx\nb\n", "-a", "+x")]                 // white space after it before white space around it
    [InlineData(" a \nb\n", "x\nb\n", "-a", "+x")]
    public void The_closest_context_is_taken_wherever_it_is(string before, string after, params string[] hunk) =>
        Assert.Equal(after, Patch.ApplyToFiles(PatchOf(["*** Update File: p", "@@", .. hunk]), new Dictionary<string, string> { ["p"] = before })["p"]);

    [Fact]
    public void A_file_is_not_replaced_by_another_unless_the_patch_took_it_away()
    {
        using var folder = new TemporaryFolder();
        folder.Write("a", "one\n");
        folder.Write("b", "two\n");
        (string Error, string Patch)[] refused =
        [
            ("Add File Error - file already exists: a", PatchOf("*** Add File: a", "+x")),
            ("Move File Error - file already exists: b", PatchOf("*** Update File: a", "*** Move to: b")),
            ("Move File Error - file already exists: b", PatchOf("*** Update File: a", "*** Move to: b", "*** Update File: b", "*** Move to: a")),
            ("Move File Error - file already exists: c", PatchOf("*** Add File: c", "+x", "*** Update File: a", "*** Move to: c")),
            ("Move File Error - file already exists: b", PatchOf("*** Update File: a", "*** Move to: b", "*** Delete File: b")),
        ];
        foreach ((string error, string patch) in refused)
        {
            Assert.Equal(error, Assert.Throws<PatchException>(() => Patch.ApplyToFolder(patch, folder.Path)).Message);
            Assert.Equal(["a", "b"], folder.Names());
            Assert.Equal("one\ntwo\n", File.ReadAllText(folder.File("a")) + File.ReadAllText(folder.File("b")));
        }
        Patch.ApplyToFolder(PatchOf("*** Delete File: b", "*** Update File: a", "*** Move to: b"), folder.Path);
        Assert.Equal(["b"], folder.Names());
        Assert.Equal("one\n", File.ReadAllText(folder.File("b")));
        Patch.ApplyToFolder(PatchOf("*** Update File: b", "*** Move to: ./b", "@@", "-one", "+three"), folder.Path);
        Assert.Equal("three\n", File.ReadAllText(folder.File("b")));
        Patch.ApplyToFolder(PatchOf("*** Delete File: b"), folder.Path);
        Patch.ApplyToFolder(PatchOf("*** Add File: b", "+four"), folder.Path);
        Assert.Equal("four", File.ReadAllText(folder.File("b")));
    }

    [Theory]
    [InlineData(".git/hooks/post-checkout")]
    [InlineData(".git")]
    [InlineData("sub/.git/config")]
    [InlineData("sub/../.git/config")]
    [InlineData(".GIT/config")]
    [InlineData("link/config")]
    public void The_folder_of_git_is_not_writable(string path)
    {
        using var folder = new TemporaryFolder();
        folder.Write(".git/config", "one\n");
        folder.Write("p", "one\n");
        if (path.StartsWith("link", StringComparison.Ordinal))
        {
            Assert.SkipWhen(OperatingSystem.IsWindows(), "Links need a right on Windows.");
            Directory.CreateSymbolicLink(folder.File("link"), ".git");
        }
        string[] patches =
        [
            PatchOf($"*** Add File: {path}", "+x"),
            PatchOf($"*** Delete File: {path}"),
            PatchOf($"*** Update File: {path}", "@@", "-one", "+two"),
            PatchOf("*** Update File: p", $"*** Move to: {path}"),
        ];
        foreach (string patch in patches)
            Assert.Equal($"{path}: .git is not writable.", Assert.Throws<PatchException>(() => Patch.ApplyToFolder(patch, folder.Path)).Message);
        Assert.Equal("one\n", File.ReadAllText(folder.File(".git/config")));
        Patch.ApplyToFolder(PatchOf("*** Add File: .gitignore", "+x"), folder.Path);
    }

    [Fact]
    public void A_pipe_in_the_folder_is_refused_and_not_waited_for()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no pipes in folders.");
        using var folder = new TemporaryFolder();
        using (var made = System.Diagnostics.Process.Start("mkfifo", [folder.File("p")])) made.WaitForExit();
        string[] patches = [PatchOf("*** Update File: p", "@@", "+x"), PatchOf("*** Delete File: p")];
        foreach (string patch in patches)
        {
            Assert.Equal(
                "p: a pipe, a socket or a device; expected a file.",
                Assert.Throws<PatchException>(() => Patch.ApplyToFolder(patch, folder.Path)).Message);
        }
        Assert.Equal(
            "Add File Error - file already exists: p",
            Assert.Throws<PatchException>(() => Patch.ApplyToFolder(PatchOf("*** Add File: p", "+x"), folder.Path)).Message);
        Assert.Equal(["p"], folder.Names());
    }

    [Fact]
    public async Task A_patch_that_is_cancelled_changes_nothing_and_says_so()
    {
        using var folder = new TemporaryFolder();
        folder.Write("p", "one\n");
        var cancelled = new CancellationToken(canceled: true);
        string patch = PatchOf("*** Update File: p", "@@", "-one", "+two", "*** Add File: new/q", "+x");
        Assert.Throws<OperationCanceledException>(() => Patch.ApplyToFolder(patch, folder.Path, cancelled));
        ToolAnswer answer = Assert.Single(await new ApplyPatchTool(folder.Path).InvokeAsync("functions.apply_patch", patch, cancelled));
        Assert.Equal("The user stopped the patch before anything was changed.", answer.Text);
        Assert.Equal(["p"], folder.Names());
        Assert.Equal("one\n", File.ReadAllText(folder.File("p")));
    }

    [Fact]
    public void A_file_that_is_not_text_is_refused()
    {
        using var folder = new TemporaryFolder();
        folder.Write("p", [0xFF, 0xFE, 0x0A]);
        Assert.Equal("p: not UTF-8 text.", Assert.Throws<PatchException>(() => Patch.ApplyToFolder(PatchOf("*** Update File: p", "@@", "+x"), folder.Path)).Message);
    }

    [Fact]
    public void A_moved_file_keeps_its_permissions()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no such modes.");
        using var folder = new TemporaryFolder();
        folder.Write("run.sh", "one\n");
        UnixFileMode mode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(folder.File("run.sh"), mode);
        Patch.ApplyToFolder(PatchOf("*** Update File: run.sh", "*** Move to: bin/run.sh", "@@", "-one", "+two"), folder.Path);
        if (!OperatingSystem.IsWindows()) Assert.Equal(mode, File.GetUnixFileMode(folder.File("bin/run.sh")));
        Assert.Equal(["bin"], folder.Names());
    }

    [Fact]
    public void Two_spellings_of_one_file_are_a_duplicate() =>
        Assert.Equal(
            "Duplicate operation for file: ./p",
            Assert.Throws<PatchException>(() => Patch.ApplyToFiles(
                PatchOf("*** Update File: p", "@@", "-one", "*** Update File: ./p", "@@", "-one"), new Dictionary<string, string> { ["p"] = "one\n", ["./p"] = "one\n" })).Message);

    [Fact]
    public async Task The_tool_takes_the_patch_bare_or_as_JSON()
    {
        using var folder = new TemporaryFolder();
        var tool = new ApplyPatchTool(folder.Path);
        Assert.True(tool.IsFor("functions.apply_patch"));
        string[] calls =
        [
            PatchOf("*** Add File: a", "+x"),
            System.Text.Json.JsonSerializer.Serialize(PatchOf("*** Add File: b", "+x")),
            System.Text.Json.JsonSerializer.Serialize(new { input = PatchOf("*** Add File: c", "+x") }),
        ];
        foreach (string call in calls)
            Assert.Equal([new ToolAnswer("functions.apply_patch", "Done!")], await tool.InvokeAsync("functions.apply_patch", call, CancellationToken.None));
        Assert.Equal(["a", "b", "c"], folder.Names());
        Assert.Equal("Patch text must start with *** Begin Patch", (await tool.InvokeAsync("functions.apply_patch", "{\"input\": 1}", CancellationToken.None))[0].Text);
    }

    [Fact]
    public void Any_text_is_applied_or_refused()
    {
        Gen<string> line = Gen.Elements(
            "*** Update File: p", "*** Delete File: p", "*** Add File: q", "*** Move to: r", "*** End of File", "*** End Patch", "***", "@@", "@@ a", " a", "-a", "+b", " b", "-b", "", "x", "+\u2028-a");
        Prop.ForAll(line.ListOf().ToArbitrary(), lines =>
        {
            var files = new Dictionary<string, string> { ["p"] = "a\nb\na\n" };
            try
            {
                Patch.ApplyToFiles(PatchOf([.. lines]), files);
            }
            catch (PatchException)
            {
                // Refused.
            }
            return files.Count == 1 && files["p"] == "a\nb\na\n";
        }).QuickCheckThrowOnFailure();
    }
}
