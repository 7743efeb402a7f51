using System.CommandLine;
using System.Text.Json;
using System.Text.RegularExpressions;
using GptOss.Cli;
using GptOss.Cli.Options;
using GptOss.Cli.Terminals;
using GptOss.Reference.Tests.TestPlatform;
using GptOss.Server;
using Xunit;

namespace GptOss.Reference.Tests.Server;

/// <summary>
/// The files of <c>docs/deploy</c>, and the image that is published without Docker, start <c>gptoss serve</c> with options that it has.
/// </summary>
public sealed class DeploymentFilesTests
{
    [Theory]
    [InlineData("docs/deploy/Dockerfile", "^CMD (.*)$")]
    [InlineData("docs/deploy/kubernetes.yaml", "^ +args: (.*)$")]
    [InlineData("docs/deploy/gptoss.service", "^ExecStart=/usr/local/bin/gptoss (.*)$")]
    [InlineData("GptOss.Cli/GptOss.Cli.csproj", "<ContainerDefaultArgs Include=\"(.*)\" />")]
    public void Each_serves_with_options_that_there_are(string file, string pattern)
    {
        string given = Match(file, pattern);
        string[] args = given.StartsWith('[') ? JsonSerializer.Deserialize<string[]>(given)! : given.Split(' ', ';');
        using var terminal = new Terminal(TextWriter.Null, TextWriter.Null, null, TestContext.Current.CancellationToken);
        ParseResult parsed = Program.Root(terminal).Parse(args);
        Assert.Empty(parsed.Errors);
        Mistyped.Refuse(args, parsed);
        Assert.Equal(("serve", 8000), (parsed.CommandResult.Command.Name, parsed.GetValue<int>("--port")));
        // What requests call the model follows from its folder.
        Assert.Equal(("0.0.0.0", "gpt-oss-20b"), (parsed.GetValue<string>("--host"), Path.GetFileName(parsed.GetValue<string>("--model"))));
    }

    [Theory]
    [InlineData("docs/deploy/kubernetes.yaml", "^ +terminationGracePeriodSeconds: ([0-9]+)$")]
    [InlineData("docs/deploy/gptoss.service", "^TimeoutStopSec=([0-9]+)$")]
    public void Each_waits_longer_than_running_answers_have(string file, string pattern) =>
        Assert.True(TimeSpan.FromSeconds(int.Parse(Match(file, pattern), null)) > new ServerOptions().Grace);

    // An image's entry point is the program alone, so that arguments of a Deployment take the place of its own.
    [Fact]
    public void Arguments_of_a_Deployment_replace_those_of_the_image() =>
        Assert.Equal("[\"/app/gptoss\"]", Match("docs/deploy/Dockerfile", "^ENTRYPOINT (.*)$"));

    private static string Match(string file, string pattern)
    {
        Assert.SkipWhen(Repository.Root is null, "The sources are not here.");
        Match found = Regex.Match(File.ReadAllText(Path.Combine(Repository.Root!, file)), pattern, RegexOptions.Multiline);
        Assert.True(found.Success, $"{file} has no line {pattern}.");
        return found.Groups[1].Value.TrimEnd('\r');
    }
}
