using System.Diagnostics;
using GptOss.Reference.Checkpoints.Storage;
using Xunit;

namespace GptOss.Reference.Tests.Checkpoints.Storage;

/// <summary>Pipes and links are made in a folder of the test's own; the only device that is written to is the one that is always full.</summary>
public sealed class AtomicFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_file_is_replaced_whole_and_keeps_who_may_read_it()
    {
        string path = _folder.Write("a", "old");
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        AtomicFile.Write(path, file =>
        {
            file.Write("new"u8);
            Assert.Equal("old", File.ReadAllText(path));
        });
        Assert.Equal("new", File.ReadAllText(path));
        if (!OperatingSystem.IsWindows())
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
        Assert.Throws<FormatException>(() => AtomicFile.Write(path, file => throw new FormatException()));
        Assert.Equal("new", File.ReadAllText(path));
        Assert.Equal(["a"], _folder.Names());
    }

    [Fact]
    public void What_may_not_be_replaced_stays_even_if_it_came_while_the_file_was_written()
    {
        string path = _folder.File("a"), sentence = $"{path} exists; give another name, or force its replacement.";
        Assert.Equal(sentence, Assert.ThrowsAny<IOException>(() => AtomicFile.Write(path, file => File.WriteAllText(path, "theirs"), replace: false)).Message);
        Assert.Equal(sentence, Assert.ThrowsAny<IOException>(() => AtomicFile.Write(path, file => Assert.Fail("This was begun."), replace: false)).Message);
        Assert.Equal("theirs", File.ReadAllText(path));
        Assert.Equal(["a"], _folder.Names());
    }

    [Fact]
    public async Task A_pipe_gets_the_bytes_and_stays_a_pipe()
    {
        string pipe = Fifo("pipe"), link = Link("link", "pipe");
        foreach (string path in (string[])[pipe, link])
        {
            Task<string> reader = Task.Run(() => File.ReadAllText(pipe), TestContext.Current.CancellationToken);
            AtomicFile.Write(path, file => file.Write("through"u8), replace: false);
            Assert.Equal("through", await reader);
        }
        Assert.Equal((false, false), (OutputTarget.IsRegularFile(pipe), OutputTarget.Of(link).Replaces));
        Assert.Equal($"{link} is a pipe or a device; expected the name of a file, because its parts are not written in their order.",
            Assert.ThrowsAny<IOException>(() => AtomicFile.WriteAnywhere(link, 3, _ => Assert.Fail("This was begun."))).Message);
        Assert.Equal(["link", "pipe"], _folder.Names());
    }

    [Fact]
    public void A_full_device_says_so_and_stays_a_device()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "/dev/full is Linux's.");
        string link = Link("full", "/dev/full");
        Assert.SkipWhen(OutputTarget.Of(link).IsFile, "This system has no /dev/full.");
        Assert.Equal($"{link} was not written: No space left on device : '/dev/full'",
            Assert.ThrowsAny<IOException>(() => AtomicFile.Write(link, file => file.Write("x"u8))).Message);
        Assert.False(OutputTarget.IsRegularFile("/dev/full"));
    }

    [Theory]
    [InlineData("there")]
    [InlineData("./not-yet")]
    [InlineData("second")]
    [InlineData("behind/../inner")]
    public void A_link_stays_and_its_file_is_written(string target)
    {
        Directory.CreateDirectory(_folder.File("elsewhere/deep"));
        _folder.Write("there", "old");
        Link("second", "elsewhere/inner");
        Link("behind", "elsewhere/deep");
        string link = Link("link", target);
        AtomicFile.Write(link, file => file.Write("new"u8));
        Assert.Equal(target, new FileInfo(link).LinkTarget);
        // The parent of a folder behind a link is that of the folder, not that of the link.
        Assert.Equal("new", File.ReadAllText(_folder.File(target switch { "there" => "there", "./not-yet" => "not-yet", _ => "elsewhere/inner" })));
        Assert.Equal("new", File.ReadAllText(link));
    }

    [Theory]
    [InlineData("one")]
    [InlineData("other")]
    public void Links_in_a_circle_are_refused(string target)
    {
        Link("other", "one");
        string path = Link("one", target);
        Assert.Equal($"{path} was not written: its symbolic links lead in a circle.",
            Assert.ThrowsAny<IOException>(() => AtomicFile.Write(path, _ => Assert.Fail("This was begun."))).Message);
    }

    [Fact]
    public void A_folder_and_a_missing_folder_are_refused_by_the_name_that_was_given()
    {
        string Refused(string path) => Assert.ThrowsAny<IOException>(() => AtomicFile.Write(path, _ => Assert.Fail("This was begun."))).Message;
        Assert.Equal($"{_folder.Path} is a folder; expected a file to write.", Refused(_folder.Path));
        Assert.Equal($"{_folder.File("new/")} is a folder; expected a file to write.", Refused(_folder.File("new/")));
        string missing = _folder.File("no/a");
        Assert.StartsWith($"{missing} was not written: Could not find a part of the path '{missing}'.", Refused(missing), StringComparison.Ordinal);
    }

    [Fact]
    public void A_read_only_folder_is_refused_by_the_name_that_was_given()
    {
        if (OperatingSystem.IsWindows())
            return;                                    // its folders have other permissions
        string folder = _folder.File("closed");
        Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        if (Environment.IsPrivilegedProcess)
            folder = "/sys";                           // where nobody can make a file, the administrator included
        Assert.SkipUnless(Directory.Exists(folder), "There is no folder that the administrator cannot write.");
        string path = $"{folder}/gptoss-test";
        string message = Assert.ThrowsAny<IOException>(() => AtomicFile.Write(path, _ => Assert.Fail("This was begun."))).Message;
        Assert.Matches($"^{path} was not written: (Access to the path '{path}' is denied|Read-only file system : '{path}')", message);
    }

    private string Fifo(string name)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Pipes have no names in folders there.");
        using var process = Process.Start("mkfifo", [_folder.File(name)]);
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
        return _folder.File(name);
    }

    private string Link(string name, string target)
    {
        try
        {
            File.CreateSymbolicLink(_folder.File(name), target);
        }
        catch (IOException) when (OperatingSystem.IsWindows())
        {
            Assert.Skip("Making links needs a privilege there.");
        }
        return _folder.File(name);
    }
}
