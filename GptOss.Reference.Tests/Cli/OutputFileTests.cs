using System.Diagnostics;
using GptOss.Reference.Tests.Checkpoints;
using Xunit;
using static GptOss.Reference.Tests.Cli.CommandLine;

namespace GptOss.Reference.Tests.Cli;

/// <summary>Every command that writes a file, with a link and a pipe in the place of one.</summary>
public sealed class OutputFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string[]> Commands => new(
        ["explain", "--model", TestData.Tiny, "Hi", "--html"],
        ["inspect", "--routing", "--model", TestData.Tiny, "Hi", "--html"],
        ["trace", "--model", TestData.Tiny, "Hi", "--routing"]);

    public void Dispose() => _folder.Dispose();

    [Theory, MemberData(nameof(Commands))]
    public void A_link_stays_a_link_and_its_file_is_written(string[] command)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Making links needs a privilege there.");
        string link = _folder.File("link");
        File.CreateSymbolicLink(link, "file");
        Assert.Equal(0, Run([.. command, link]).Code);
        Assert.Equal("file", new FileInfo(link).LinkTarget);
        Assert.True(new FileInfo(_folder.File("file")).Length > 100);
    }

    [Fact]
    public void The_size_of_a_page_is_that_of_the_file_behind_a_link_and_a_device_has_none()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Making links needs a privilege there.");
        string link = _folder.File("link");
        File.CreateSymbolicLink(link, "file");
        string[] command = ["explain", "--model", TestData.Tiny, "Hi", "--html"];
        string written = Run([.. command, link]).Sentence;
        Assert.Equal($"{link} written, {GptOss.Cli.Output.Text.Bytes(new FileInfo(_folder.File("file")).Length)}.", written);
        Assert.Equal("/dev/null written.", Run([.. command, "/dev/null"]).Sentence);
    }

    [Theory, MemberData(nameof(Commands))]
    public void A_file_that_is_there_is_replaced_only_when_asked(string[] command)
    {
        string file = _folder.Write("file", "mine");
        Assert.Equal(new(2, "", $"{file} exists; give another name, or --force to replace it.\n"), Run([.. command, file]));
        Assert.Equal("mine", File.ReadAllText(file));
        Assert.Equal(0, Run([.. command, file, "--force"]).Code);
        Assert.True(new FileInfo(file).Length > 100);
    }

    [Theory, MemberData(nameof(Commands))]
    public async Task A_pipe_gets_the_content_and_stays_a_pipe(string[] command)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Pipes have no names in folders there.");
        string pipe = _folder.File("pipe");
        using (var made = Process.Start("mkfifo", [pipe]))
            await made.WaitForExitAsync(TestContext.Current.CancellationToken);
        Task<string> reader = Task.Run(() => File.ReadAllText(pipe), TestContext.Current.CancellationToken);
        Answer answer = Run([.. command, pipe]);
        Assert.Equal((0, true), (answer.Code, (await reader).Length > 100));
        Assert.False(Reference.Checkpoints.Storage.OutputTarget.IsRegularFile(pipe));
        Assert.Equal(["pipe"], _folder.Names());
    }

    [Fact]
    public void Scores_go_where_a_link_leads_and_not_into_a_pipe()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Making links needs a privilege there.");
        Directory.CreateDirectory(_folder.File("there"));
        string corpus = _folder.Write("corpus.jsonl", "{\"text\": \"Hi\"}\n"), link = _folder.File("link");
        File.CreateSymbolicLink(link, "there/scores.jsonl");
        Assert.Equal(0, Run("score", "--model", TestData.Tiny, corpus, "--out", link).Code);
        Assert.Equal(["scores.jsonl", "scores.jsonl.run"], Directory.GetFiles(_folder.File("there")).Select(Path.GetFileName)
            .Order(StringComparer.Ordinal));
        Assert.Equal("there/scores.jsonl", new FileInfo(link).LinkTarget);

        string device = _folder.File("device");
        File.CreateSymbolicLink(device, "/dev/null");
        Answer answer = Run("score", "--model", TestData.Tiny, corpus, "--out", device);
        Assert.Equal((2, $"{device} is a pipe or a device, which cannot be read back to go on; without --out, lines go to standard output."),
            (answer.Code, answer.Sentence));
    }

    [Fact]
    public async Task Of_traces_that_are_written_to_one_folder_at_once_one_wins_and_the_others_say_so()
    {
        string folder = _folder.File("trace");
        Answer[] answers = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(
            () => Run("trace", "--model", TestData.Tiny, "Hi", "--out", folder), TestContext.Current.CancellationToken)));
        Assert.Single(answers, answer => answer.Code == 0);
        Assert.All(answers.Where(answer => answer.Code != 0), answer => Assert.Contains(answer.Sentence, (string[])
        [
            $"Another run is writing to {folder}; give another folder.",
            $"{Path.Combine(folder, "stages.safetensors")} exists; give another folder, or --force to replace it.",
            $"{Path.Combine(folder, "stages.safetensors")} exists; give another folder, or force its replacement.",
        ]));
        Assert.Equal(["manifest.json", "stages.safetensors"], Directory.GetFiles(folder).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.Equal(0, Run("verify", "--pack", folder, "--model", TestData.Tiny).Code);
    }
}
