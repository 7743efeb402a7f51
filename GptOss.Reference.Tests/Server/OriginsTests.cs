using GptOss.Server.Http;
using Xunit;

namespace GptOss.Reference.Tests.Server;

public sealed class OriginsTests
{
    [Theory]
    [InlineData("http://localhost:5173", true)]
    [InlineData("https://localhost", true)]
    [InlineData("http://127.0.0.1:8000", true)]
    [InlineData("http://[::1]:80", true)]
    [InlineData("tauri://localhost", true)]
    [InlineData("vscode-webview://abc", true)]
    [InlineData("https://chat.example", true)]
    [InlineData("https://chat.example.evil.example", false)]
    [InlineData("http://localhost.evil.example", false)]
    [InlineData("http://127.0.0.1.evil.example", false)]
    [InlineData("http://0.0.0.0:8000", false)]
    [InlineData("null", false)]
    [InlineData("ftp://localhost", false)]
    public void Pages_of_this_machine_and_those_added_may_use_the_server(string origin, bool allowed) =>
        Assert.Equal(allowed, new Origins(["https://chat.example/"]).Allows(origin));

    [Theory]
    [InlineData("localhost", true)]
    [InlineData("127.8.9.1", true)]
    [InlineData("[::1]", true)]
    [InlineData("gpt.localhost", true)]
    [InlineData("evil.example", false)]
    [InlineData("192.168.1.5", false)]
    public void A_host_names_loopback_or_not(string host, bool expected) => Assert.Equal(expected, Origins.IsLoopback(host));
}
