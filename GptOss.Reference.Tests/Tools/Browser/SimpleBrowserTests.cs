using FsCheck;
using FsCheck.Fluent;
using GptOss.Reference.Harmony;
using GptOss.Tools.Browser;
using Xunit;

namespace GptOss.Reference.Tests.Tools.Browser;

public class SimpleBrowserTests
{
    private const string Url = "https://site.example/";

    private static SimpleBrowser Over(string html)
    {
        var saved = new SavedPages();
        saved.AddPage(Url, new FetchedPage(html));
        return new SimpleBrowser(saved);
    }

    private static async Task<string> Show(string html)
    {
        string answer = await Over(html).Call("open", $"{{\"id\": \"{Url}\"}}");
        return answer;
    }

    [Fact]
    public async Task A_page_is_shown_in_numbered_lines() =>
        Assert.Equal(
            "[0] T (https://site.example/)\n**viewing lines [0 - 4] of 4**\n\nL0: \nL1: URL: https://site.example/\nL2: # Head \nL3: \nL4: see 【0†that†other.example】",
            await Show("<html><title>T</title><h1>Head</h1><p>see <a href='//other.example/x'>that</a></p></html>"));

    [Theory]
    [InlineData("<p>x<sup>2</sup>y</p>", "x^{2}y")]
    [InlineData("<p>a<b>b</b> c<br>d</p>", "a b c   \nL3: d")]
    [InlineData("<p>x <math><mi>y</mi></math> gone <b>z</b></p>", "x z")]
    [InlineData("<p><img alt='A'> <img></p>", "[Image 0: A] [Image 1]")]
    [InlineData("<ol start=3><li>a<ul><li>b</ul><li>c</ol>", "3. a \nL3:      * b \nL4:   4. c")]
    [InlineData("<p>1. a</p>", "1\\. a")]
    [InlineData("<template><p>in</p></template>", "in")]
    public async Task Markup_becomes_text(string html, string text)
    {
        string answer = await Show("<html><body>" + html + "</body></html>");
        Assert.Equal(text, answer[(answer.IndexOf("L2: ", StringComparison.Ordinal) + 4)..]);
    }

    [Theory]
    [InlineData("negative", "{\"cursor\": -2}", "Cursor `-2` is out of range. Available cursor indices: [0 - 0].")]
    [InlineData("unknown", "{\"url\": 1}", "browser.open has no argument `url`.")]
    [InlineData("null id", "{\"id\": null}", "`id` should be a link number or a URL, not `NoneType`.")]
    [InlineData("list", "[]", "{\"error\": \"Invalid function arguments\"}")]
    [InlineData("surrogate", "{\"id\": \"\\ud800\"}", "browser.open: `id` should be text, not `str`.")]
    [InlineData("surrogate name", "{\"\\ud800\": 1}", "The arguments are not Unicode text.")]
    [InlineData("huge", "{\"id\": 1e999}", "Invalid link id `Infinity`.")]
    [InlineData("loc", "{\"loc\": \"3\"}", "`loc` should be an integer, not `str`.")]
    [InlineData("far", "{\"loc\": 100000000000000000000}", "Invalid location parameter: `100000000000000000000`. Cannot exceed page maximum of 2.")]
    public async Task A_wrong_call_is_answered(string what, string arguments, string answer)
    {
        SimpleBrowser browser = Over("<p>x</p>");
        await browser.Call("open", $"{{\"id\": \"{Url}\"}}");
        Assert.True(answer == await browser.Call("open", arguments), $"{what}: {await browser.Call("open", arguments)}");
    }

    [Fact]
    public async Task An_unknown_function_is_answered_and_the_author_is_the_recipient()
    {
        ToolAnswer answer = Assert.Single(await Over("").InvokeAsync("browser.clos\u00e9", "{}", CancellationToken.None));
        Assert.Equal(new ToolAnswer("browser.clos\u00e9", "{\"error\": \"Unknown function: clos\\u00e9\"}"), answer);
    }

    [Theory]
    [InlineData("<div>")]
    [InlineData("<div/>")]
    [InlineData("<div></x>")]
    [InlineData("<b>")]
    [InlineData("<ul><li>")]
    [InlineData("<template>")]
    [InlineData("<table><tr><td>")]
    [InlineData("<svg><div/>")]
    [InlineData("<svg>")]
    public async Task A_page_of_endless_nesting_is_refused_at_once(string tags) =>
        Assert.Equal($"Error fetching URL `{Url}`: The page nests more than 1000 elements.", await Show(string.Concat(Enumerable.Repeat(tags, 100_000))));

    [Theory]
    [InlineData("<br>")]
    [InlineData("<p>x")]
    [InlineData("<li>x")]
    [InlineData("<div>x</div>")]
    [InlineData("<a href=x>y</a> ")]
    [InlineData("<svg><path/></svg>")]
    [InlineData("<img>")]
    [InlineData("<math>x</math>y")]
    public async Task A_long_page_is_shown_at_once(string part)
    {
        var clock = System.Diagnostics.Stopwatch.StartNew();
        Assert.StartsWith("[0] ", await Show(string.Concat(Enumerable.Repeat(part, 50_000))));
        Assert.True(clock.Elapsed < TimeSpan.FromSeconds(30), $"{clock.Elapsed}");
    }

    [Fact]
    public async Task A_page_of_five_hundred_nested_elements_is_shown() =>
        Assert.EndsWith("L2: deep", await Show("<html><body>" + string.Concat(Enumerable.Repeat("<div><b>", 250)) + "deep"));

    [Fact]
    public async Task A_page_of_megabytes_is_shown_in_windows()
    {
        string answer = await Show("<p>" + string.Concat(Enumerable.Repeat("word-word ", 300_000)) + "</p><pre>" + new string('x', 1_000_000) + "</pre>");
        Assert.Contains("**viewing lines [0 - ", answer);
        Assert.True(answer.Length < 20_000);
    }

    [Theory]
    [InlineData("a-b-ab", "a-b-|ab")]
    [InlineData("well-known", "well-|known")]
    [InlineData("a-1-ab", "a-1-ab")]
    [InlineData("12-34", "12-34")]
    [InlineData("a--b", "a|--|b")]
    public void A_word_breaks_after_a_hyphen_between_letters(string word, string pieces)
    {
        // Before it a line that the word's first piece just fills.
        string first = pieces.Split('|')[0];
        string line = new string('x', LineWrapper.Width - first.Length - 1) + " ";
        Assert.Equal([line + first, .. pieces.Length > first.Length ? (string[])[word[first.Length..]] : []], LineWrapper.Wrap(line + word));
    }

    [Fact]
    public void Wrapped_lines_hold_every_character_once_and_fit()
    {
        Gen<string> text = Gen.Elements("a", "well-known", " ", "  ", "-", "--", "\u00a0", "😀", "e\u0301", "汉字", "12-34", "x,", new string('y', 90), "\r").ListOf().Select(string.Concat);
        Prop.ForAll(text.ToArbitrary(), line =>
        {
            List<string> lines = LineWrapper.Wrap(line);
            return string.Concat(lines) == line && lines.TrueForAll(wrapped => wrapped.EnumerateRunes().Count() <= LineWrapper.Width);
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Any_markup_is_shown_or_refused()
    {
        Gen<string> html = Gen.Elements("<p>", "</p>", "<ul>", "<li>", "</ul>", "<pre>", "</pre>", "<a href='/x'>", "</a>", "<math>", "<svg>", "<title>", "<table>", "<td>", "<blockquote>",
            "</blockquote>", "<del>", "</del>", "<abbr title=x>", "</abbr>", "<template>", "<!--", "-->", "&amp;", "&#0;", "x", " ", "\n", "【1†", "】", "<script>", "<br>", "<sup>1</sup>", "<plaintext>",
            "<select>", "<frameset>", "<body>", "<head>", "</html>", "\0", "\ud800").ListOf().Select(string.Concat);
        Prop.ForAll(html.ToArbitrary(), page =>
        {
            string answer = Show(page).GetAwaiter().GetResult();
            return answer.StartsWith("[0] ", StringComparison.Ordinal) || answer.EndsWith("Document is empty", StringComparison.Ordinal);
        }).QuickCheckThrowOnFailure();
    }

    [Theory]
    [InlineData("https://a.example/b/c", "d", "https://a.example/b/d")]
    [InlineData("https://a.example/b/c/", "../d?x#y", "https://a.example/b/d?x#y")]
    [InlineData("https://a.example/b", "?q", "https://a.example/b?q")]
    [InlineData("https://a.example/b?q", "#f", "https://a.example/b?q#f")]
    [InlineData("https://a.example", "x", "https://a.example/x")]
    [InlineData("https://a.example/b", "../../../x", "https://a.example/x")]
    [InlineData("https://a.example/b", "//c:1/x", "https://c:1/x")]
    [InlineData("https://a.example/b", "HTTP://c/x", "HTTP://c/x")]
    [InlineData("https://a.example/b", "tel:+49", "tel:+49")]
    [InlineData("https://a.example/b", "http://[x", null)]
    [InlineData("", "/x", "/x")]
    public void A_link_is_seen_from_its_page(string page, string link, string? url) => Assert.Equal(url, UrlJoin.Join(page, link));
}
