using System.Net;
using GptOss.Reference.Tests.Checkpoints;
using GptOss.Tools.Browser;
using Xunit;

namespace GptOss.Reference.Tests.Tools.Browser;

public class BrowserBackendTests
{
    [Fact]
    public async Task A_folder_is_searched_and_its_links_work()
    {
        using var folder = new TemporaryFolder();
        folder.Write("index.html", "<html><title>Home</title><body><a href='notes/a.txt'>notes</a></body></html>");
        folder.Write("notes/a.txt", "Rust is <a> language\n  and a fungus");
        folder.Write("it's.html", "<html><title>Rust's</title><body>rust rust</body></html>");
        folder.Write("program.exe", "rust");
        var browser = new SimpleBrowser(new FolderPages(folder.Path));
        Assert.Equal(
            "[0] rust\n**viewing lines [0 - 5] of 5**\n\nL0: \nL1: URL: \nL2: # Search Results\nL3: \n" +
            "L4:   * 【0†Rust's†folder.local】 rust rust\n" +
            "L5:   * 【1†a.txt†folder.local】 Rust is <a> language and a fungus",
            await browser.Call("search", "{\"query\": \"rust\"}"));
        Assert.StartsWith("[1] Rust's (https://folder.local/it's.html)", await browser.Call("open", "{\"id\": 0}"));
        Assert.StartsWith("[2] Home (https://folder.local/)", await browser.Call("open", $"{{\"id\": \"{FolderPages.Root}\"}}"));
        Assert.EndsWith("L2: Rust is <a> language\nL3:       and a fungus", await browser.Call("open", "{\"id\": 0}"));
    }

    [Fact]
    public async Task A_page_beyond_the_limit_is_refused()
    {
        using var folder = new TemporaryFolder();
        using (FileStream file = File.Create(folder.File("a.txt"))) file.SetLength((16 << 20) + 1);
        Assert.Equal(
            "The page is larger than 16777216 bytes.",
            (await Assert.ThrowsAsync<BrowserException>(() => new FolderPages(folder.Path).FetchAsync("a.txt", CancellationToken.None))).Message);
        using var handler = new Canned(_ => Task.FromResult(new string('x', (8 << 20) + 1)));
        using var live = new LivePages(handler, null, null);
        await Assert.ThrowsAsync<HttpRequestException>(() => live.FetchAsync("https://a.example/", CancellationToken.None));
    }

    [Fact]
    public async Task A_pipe_in_the_folder_is_not_a_page()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no pipes in folders.");
        using var folder = new TemporaryFolder();
        using (var made = System.Diagnostics.Process.Start("mkfifo", [folder.File("p.html")])) await made.WaitForExitAsync(TestContext.Current.CancellationToken);
        folder.Write("a.html", "<p>rust</p>");
        var browser = new SimpleBrowser(new FolderPages(folder.Path));
        Assert.Contains("【0†", await browser.Call("search", "{\"query\": \"rust\"}"));
        Assert.EndsWith("No contents returned for p.html", await browser.Call("open", "{\"id\": \"p.html\"}"));
    }

    [Theory]
    [InlineData("../secret.html")]
    [InlineData("https://folder.local/../secret.html")]
    [InlineData("https://folder.local/%2e%2e/secret.html")]
    [InlineData("link.html")]
    [InlineData("dir/secret.html")]
    [InlineData("https://folder.local//secret.html")]
    public async Task A_folder_gives_nothing_outside_it(string url)
    {
        using var outside = new TemporaryFolder();
        string secret = outside.Write("secret.html", "secret");
        string root = Directory.CreateDirectory(outside.File("root")).FullName;
        if (!OperatingSystem.IsWindows())
        {
            File.CreateSymbolicLink(Path.Combine(root, "link.html"), secret);
            Directory.CreateSymbolicLink(Path.Combine(root, "dir"), outside.Path);
        }
        Assert.Equal($"No contents returned for {url}", (await Assert.ThrowsAsync<BrowserException>(() => new FolderPages(root).FetchAsync(url, CancellationToken.None))).Message);
    }

    [Theory]
    [InlineData("127.0.0.1", false)]
    [InlineData("10.1.2.3", false)]
    [InlineData("172.16.0.1", false)]
    [InlineData("192.168.1.1", false)]
    [InlineData("169.254.169.254", false)]
    [InlineData("100.64.0.1", false)]
    [InlineData("0.0.0.0", false)]
    [InlineData("224.0.0.1", false)]
    [InlineData("::1", false)]
    [InlineData("::ffff:127.0.0.1", false)]
    [InlineData("64:ff9b::7f00:1", false)]
    [InlineData("fe80::1", false)]
    [InlineData("fc00::1", false)]
    [InlineData("8.8.8.8", true)]
    [InlineData("172.32.0.1", true)]
    [InlineData("2606:4700::1111", true)]
    public void Only_public_addresses_are_connected_to(string address, bool isPublic) => Assert.Equal(isPublic, LivePages.IsPublic(IPAddress.Parse(address)));

    [Fact]
    public async Task A_live_page_of_the_own_machine_is_refused()
    {
        using var live = new LivePages();
        string answer = await new SimpleBrowser(live).Call("open", "{\"id\": \"http://127.0.0.1:9/\"}");
        Assert.StartsWith("Error fetching URL `http://127.0.0.1:9/`: ", answer);
        Assert.Contains("not on the public internet", answer);
        Assert.Equal("Error fetching URL `file:///etc/passwd`: Only http and https pages can be opened.", await new SimpleBrowser(live).Call("open", "{\"id\": \"file:///etc/passwd\"}"));
        Assert.StartsWith("Error during search for `x`: No search service", await new SimpleBrowser(live).Call("search", "{\"query\": \"x\"}"));
    }

    [Fact]
    public async Task The_search_services_are_asked_as_the_published_tool_asks_them()
    {
        var asked = new List<string>();
        using var handler = new Canned(async request =>
        {
            asked.Add($"{request.Method} {request.RequestUri} {string.Join(',', request.Headers.GetValues("x-api-key"))} {(request.Content is null ? "" : await request.Content.ReadAsStringAsync(TestContext.Current.CancellationToken))}".TrimEnd());
            return request.RequestUri!.Host == "api.exa.ai" ? """{"results":[{"title":"T","url":"https://u.example/","summary":"S"}]}"""
                : """{"results":{"web":[{"title":"W","url":"https://w.example/","snippets":["a","b"]}],"news":[{"title":"N","url":"https://n.example/","description":"d"}]}}""";
        });
        using var you = new LivePages(handler, "k1", null);
        Assert.Equal([new SearchResult("W", "https://w.example/", "a b"), new SearchResult("N", "https://n.example/", "d")], await you.SearchAsync("a b", 20, CancellationToken.None));
        using var exa = new LivePages(handler, null, "k2");
        Assert.Equal([new SearchResult("T", "https://u.example/", "S")], await exa.SearchAsync("\"q\"", 20, CancellationToken.None));
        Assert.Equal("GET https://api.ydc-index.io/v1/search?query=a b&count=20 k1", asked[0]);
        Assert.Equal("POST https://api.exa.ai/search k2 {\"query\":\"\\u0022q\\u0022\",\"numResults\":20,\"contents\":{\"text\":true,\"summary\":true}}", asked[1]);
    }

    private sealed class Canned(Func<HttpRequestMessage, Task<string>> answer) : HttpMessageHandler
    {
        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
            new(HttpStatusCode.OK) { Content = new StringContent(await answer(request)) };
    }
}
