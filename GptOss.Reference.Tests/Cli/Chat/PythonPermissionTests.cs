using GptOss.Cli.Chat;
using GptOss.Cli.Terminals;
using GptOss.Reference.Harmony;
using GptOss.Tools.ApplyPatch;
using GptOss.Tools.Python;
using Xunit;

namespace GptOss.Reference.Tests.Cli.Chat;

public sealed class PythonPermissionTests : IDisposable
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private static readonly Message Call = new(Role.Assistant, "1 + 1") { Recipient = "python" };

    private readonly StringWriter _error = new() { NewLine = "\n" };
    private readonly PythonTool _python = new();

    public void Dispose()
    {
        _python.Dispose();
        _error.Dispose();
    }

    private PythonPermission Permission(string answers, bool isGiven = false, bool isRedirected = false)
    {
        using var terminal = new Terminal(TextWriter.Null, _error, new StringReader(answers)) { IsInputRedirected = isRedirected };
        return new PythonPermission(terminal, new ChatView(terminal, ShownReasoning.Hide, null), new ChatInput(terminal), isGiven);
    }

    private int Count(string text) => _error.ToString().Split(text).Length - 1;

    [Theory]
    [InlineData("n\ny\n", false, true, 2)]
    [InlineData("\nYES\n", false, true, 2)]
    [InlineData("y\nn\n", true, false, 2)]                       // one call
    [InlineData("a\nn\n", true, true, 1)]                        // all of them
    [InlineData("All\n", true, true, 1)]
    [InlineData("", false, false, 2)]                            // the end of the input is no
    [InlineData("maybe\nay\n", false, false, 2)]
    public async Task Consent_is_for_one_call_or_for_all(string answers, bool first, bool second, int questions)
    {
        PythonPermission permission = Permission(answers);
        Assert.Equal((first, second), (await permission.AllowAsync(_python, Call, Cancellation), await permission.AllowAsync(_python, Call, Cancellation)));
        Assert.Equal(questions, Count("Run it? [y]es, [a]ll its Python from now on, [N]o: "));
        Assert.Equal(questions, Count("The model wants to run this code on your machine. It can read"));
    }

    [Fact]
    public async Task What_the_code_can_do_is_said_once_even_if_it_was_allowed_ahead()
    {
        PythonPermission permission = Permission("", isGiven: true, isRedirected: true);
        Assert.True(await permission.AllowAsync(_python, Call, Cancellation));
        Assert.True(await permission.AllowAsync(_python, Call, Cancellation));
        Assert.Equal(1, Count("The model's Python runs on your machine. It can read"));
        Assert.Equal(1, Count("network"));
        Assert.Equal(0, Count("[y]es"));
    }

    [Fact]
    public async Task Without_a_person_nothing_is_run()
    {
        Assert.False(await Permission("y\n", isRedirected: true).AllowAsync(_python, Call, Cancellation));
        Assert.Equal("The model's Python was not run: there is no one to ask. --yes allows it.\n", _error.ToString());
    }

    [Fact]
    public async Task Other_tools_are_not_asked_about()
    {
        Assert.True(await Permission("").AllowAsync(new ApplyPatchTool("."), Call, Cancellation));
        Assert.Equal("", _error.ToString());
    }
}
