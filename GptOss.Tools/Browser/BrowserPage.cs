namespace GptOss.Tools.Browser;

/// <summary>A page as the browser keeps it.</summary>
/// <param name="Url">Where it came from; empty for search results.</param>
/// <param name="Text">Its text, before lines are wrapped.</param>
/// <param name="Title">Its title.</param>
/// <param name="Links">URL by link id.</param>
/// <param name="Hits">The line of each link's hit, for a page of find results; null for any other page.</param>
internal sealed record BrowserPage(string Url, string Text, string Title, IReadOnlyDictionary<string, string> Links, IReadOnlyList<int>? Hits = null)
{
    /// <summary>The first lines of a page's text.</summary>
    internal static string Head(string url) => $"\nURL: {url}\n";

    /// <summary>The page with a line of ours above its text.</summary>
    internal BrowserPage Under(string notice) => this with { Text = $"{Head(Url)}[{notice}]\n{Text[Head(Url).Length..]}" };
}
