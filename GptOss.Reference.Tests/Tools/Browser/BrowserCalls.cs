using GptOss.Tools.Browser;

namespace GptOss.Reference.Tests.Tools.Browser;

/// <summary>A browser's calls, ended with the test.</summary>
internal static class BrowserCalls
{
    internal static Task<string> Call(this SimpleBrowser browser, string function, string arguments) =>
        browser.CallAsync(function, arguments, Xunit.TestContext.Current.CancellationToken);
}
