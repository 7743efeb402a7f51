using GptOss.Cli;
using GptOss.Cli.Terminals;
using GptOss.Reference.Cuda;
using GptOss.Reference.Generation;
using GptOss.Reference.Ground;
using GptOss.Reference.Tokens;
using GptOss.Server;
using GptOss.Tools.Functions;
using Xunit;

namespace GptOss.Reference.Tests.Cli;

public class ErrorBoundaryTests
{
    public static TheoryData<Exception, int, string?> Cases => new()
    {
        { new UsageException("Wrong."), 2, "Wrong." },
        { new DeviceException("Broken."), 2, "Broken." },
        { new InputException("Bad."), 3, "Bad." },
        { new CheckpointFormatException("a/b.json", "rule", "it is bad."), 3, "b.json: it is bad." },
        { new TokenizerFormatException("Bad."), 3, "Bad." },
        { new PromptException("Bad."), 3, "Bad." },
        { new LogitsException("Bad."), 3, "Bad." },
        { new IOException("No space left on device"), 3, "No space left on device" },
        { new UnauthorizedAccessException("Access denied."), 3, "Access denied." },
        { new AggregateException(new IOException("Bad.")), 3, "Bad." },
        { new PlatformNotSupportedException("Two\nlines."), 3, "Two lines." },
        { new OperationCanceledException(), 130, "Cancelled." },
        { new InvalidOperationException("Bad."), 70, "This should not have happened (InvalidOperationException): Bad." },
        { new ArgumentException("Bad.", "name"), 70, "This should not have happened (ArgumentException): Bad." },
        { new InsufficientMemoryException(), 3, "There is not enough memory for this; 'gptoss inspect' says how much a model " +
            "needs at a given --context." },
    };

    [Theory, MemberData(nameof(Cases), DisableDiscoveryEnumeration = true)]
    public void Whatever_is_thrown_is_one_sentence_and_an_exit_code(Exception thrown, int code, string? sentence)
    {
        var error = new StringWriter { NewLine = "\n" };
        using var terminal = new Terminal(TextWriter.Null, error);
        Assert.Equal(code, ErrorBoundary.Run(terminal, () => throw thrown));
        Assert.Equal(sentence + "\n", error.ToString());
    }

    [Theory]
    [InlineData(typeof(GptOssException))]
    [InlineData(typeof(ToolFormatException))]
    [InlineData(typeof(ServerOptionsException))]
    public void Every_exception_of_ours_that_a_caller_can_catch_is_a_GptOssException(Type assembly)
    {
        Type[] exceptions = [.. assembly.Assembly.GetExportedTypes().Where(type => type.IsSubclassOf(typeof(Exception)))];
        Assert.NotEmpty(exceptions);
        Assert.All(exceptions, type => Assert.True(type == typeof(GptOssException) || type.IsSubclassOf(typeof(GptOssException)), type.Name));
    }

    [Fact]
    public void A_reader_that_has_gone_is_no_error()
    {
        var error = new StringWriter();
        using var terminal = new Terminal(TextWriter.Null, error);
        Assert.Equal(0, ErrorBoundary.Run(terminal, () => throw new OutputClosedException(new IOException("Broken pipe"))));
        Assert.Equal("", error.ToString());
    }
}
