using System.Net;
using System.Net.Http.Headers;
using System.Text;
using GptOss.Reference.Tests.Checkpoints;
using GptOss.Tools.Browser;
using Xunit;

namespace GptOss.Reference.Tests.Tools.Browser;

public class PageEncodingTests
{
    private const string NotUtf8 = "This page declares no encoding and is not UTF-8; characters that could not be read are shown as \uFFFD.";

    private static byte[] Bytes(string text, string encoding) => encoding switch
    {
        "utf-8" => Encoding.UTF8.GetBytes(text),
        "utf-16" => [.. Encoding.Unicode.Preamble, .. Encoding.Unicode.GetBytes(text)],
        "utf-16be" => [.. Encoding.BigEndianUnicode.Preamble, .. Encoding.BigEndianUnicode.GetBytes(text)],
        _ => CodePagesEncodingProvider.Instance.GetEncoding(encoding)!.GetBytes(text),
    };

    [Theory]
    [InlineData("windows-1252", null, "<meta charset=iso-8859-1><p>“Grüße” – 5 €</p>", "“Grüße” – 5 €")]
    [InlineData("windows-1252", "iso-8859-1", "<p>“Grüße”</p>", "“Grüße”")]
    [InlineData("windows-1252", "\"latin1\"", "<p>é</p>", "é")]
    [InlineData("shift_jis", null, "<META HTTP-EQUIV='Content-Type' CONTENT='text/html; charset=Shift_JIS'><p>日本語</p>", "日本語")]
    [InlineData("koi8-r", "koi8-r", "<meta charset='utf-8'><p>Привет</p>", "Привет")]                      // the header counts
    [InlineData("utf-8", "koi8-r", "\uFEFF<p>Привет</p>", "Привет")]                                     // but not over a mark
    [InlineData("utf-16", "koi8-r", "<p>Привет</p>", "Привет")]
    [InlineData("utf-16be", null, "<p>Привет</p>", "Привет")]
    [InlineData("windows-1251", null, "<?xml version='1.0' encoding='windows-1251'?><html><body><p>Привет</p></body></html>", "Привет")]
    [InlineData("utf-8", null, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<html><body><p>é</p></body></html>", "é")]
    [InlineData("utf-8", null, "<meta charset='utf-16'><p>é</p>", "é")]                                  // that it can be read says that it is not
    [InlineData("utf-8", null, "<!-- <meta charset='koi8-r'> --><p>é</p>", "é")]
    [InlineData("utf-8", null, "<meta name='x' content='text/html; charset=koi8-r'><p>é</p>", "é")]
    [InlineData("gb18030", null, "<meta charset='gb2312'><p>鎔汉</p>", "鎔汉")]
    [InlineData("utf-8", null, "<p>é – 日本語</p>", "é – 日本語")]
    public void A_page_is_read_in_the_encoding_that_it_declares(string encoding, string? header, string html, string text)
    {
        FetchedPage page = PageEncoding.Html(Bytes(html, encoding), header);
        Assert.Null(page.Notice);
        Assert.Contains(text, HtmlText.Read(page.Html, "https://a.example/", null).Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("windows-1252", null, "<p>é</p>", NotUtf8)]
    [InlineData("utf-8", "klingon", "<p>é</p>", "This page declares the encoding 'klingon', which is not known; it was read as UTF-8.")]
    [InlineData("utf-8", "utf-7", "<p>é</p>", "This page declares the encoding 'utf-7', which is not known; it was read as UTF-8.")]
    [InlineData("utf-8", null, "<meta charset=klingon><p>é</p>", "This page declares the encoding 'klingon', which is not known; it was read as UTF-8.")]
    [InlineData("windows-1252", "utf-8", "<p>é</p>", "This page is utf-8; characters that could not be read are shown as \uFFFD.")]
    public void Characters_that_could_not_be_read_are_announced(string encoding, string? header, string html, string notice) =>
        Assert.Equal(notice, PageEncoding.Html(Bytes(html, encoding), header).Notice);

    [Fact]
    public void A_header_that_is_not_known_leaves_the_document_to_say() =>
        Assert.Contains("é", PageEncoding.Html(Bytes("<meta charset='windows-1252'><p>é</p>", "windows-1252"), "klingon").Html, StringComparison.Ordinal);

    [Fact]
    public async Task A_notice_stands_above_the_text_of_a_page()
    {
        using var folder = new TemporaryFolder();
        folder.Write("a.html", Bytes("<html><title>A</title><body><p>caf\u00e9</p><p>two</p></body></html>", "windows-1252"));
        folder.Write("b.txt", Bytes("caf\u00e9", "windows-1252"));
        var browser = new SimpleBrowser(new FolderPages(folder.Path));
        string answer = await browser.Call("open", "{\"id\": \"a.html\"}");
        Assert.Contains("L1: URL: a.html\nL2: [This page declares no encoding and is not UTF-8; characters that could not be \nL3: read are shown as \uFFFD.]\nL4: caf\uFFFD\n", answer);
        Assert.Contains("caf\uFFFD", await browser.Call("open", "{\"id\": \"b.txt\"}"));
        Assert.Contains(NotUtf8[..60], await browser.Call("open", "{\"id\": \"b.txt\"}"));
    }

    [Theory]
    [InlineData("text/html; charset=koi8-r", "<p>Привет</p>", "Привет")]
    [InlineData("TEXT/HTML; charset=koi8-r", "<p>Привет</p>", "Привет")]
    [InlineData("text/plain; charset=koi8-r", "Привет <b>", "Привет <b>")]
    [InlineData("text/xml", "<?xml version='1.0' encoding='koi8-r'?><a>Привет</a>", "<a>Привет</a>")]
    public async Task A_live_page_is_read_in_the_encoding_of_its_header(string type, string content, string text)
    {
        using var handler = new Answering(Bytes(content, "koi8-r"), type);
        using var live = new LivePages(handler, null, null);
        FetchedPage page = await live.FetchAsync("https://a.example/", CancellationToken.None);
        Assert.Null(page.Notice);
        Assert.Contains(text, HtmlText.Read(page.Html, "https://a.example/", null).Text, StringComparison.Ordinal);
    }

    private sealed class Answering(byte[] bytes, string type) : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            var content = new ByteArrayContent(bytes);
            content.Headers.ContentType = MediaTypeHeaderValue.Parse(type);
            return Task.FromResult(new HttpResponseMessage(HttpStatusCode.OK) { Content = content });
        }
    }
}
