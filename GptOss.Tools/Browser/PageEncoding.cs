using System.Net;
using System.Text;
using System.Text.RegularExpressions;

namespace GptOss.Tools.Browser;

/// <summary>A page's bytes → its text, by the encoding that it declares.</summary>
/// <remarks>
/// In this order: a byte-order mark, the charset of the HTTP header, the XML declaration, <c>&lt;meta charset&gt;</c> or <c>http-equiv</c>, UTF-8.
/// Labels mean what they mean to web browsers (<c>iso-8859-1</c> is windows-1252). Source: WHATWG Encoding, HTML 13.2.3.
/// </remarks>
internal static partial class PageEncoding
{
    // Where a declaration is looked for: browsers stop after 1,024 bytes and start again when the head says something else.
    private const int PrescanBytes = 16 << 10;

    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>An HTML page.</summary>
    /// <param name="bytes">The document as it came.</param>
    /// <param name="header">The charset of the HTTP header; null for none.</param>
    /// <param name="title">A title, where the source knows one.</param>
    internal static FetchedPage Html(ReadOnlySpan<byte> bytes, string? header, string? title = null)
    {
        (string text, string? notice) = Decode(bytes, header, looksInside: true);
        // The text is decoded, so its XML declaration has nothing left to say.
        return new FetchedPage(XmlDeclaration().Replace(text, "", 1), title) { Notice = notice };
    }

    /// <summary>A page of plain text, shown as it is; XML may declare its encoding.</summary>
    internal static FetchedPage PlainText(ReadOnlySpan<byte> bytes, string? header, string? title = null, bool isXml = false)
    {
        (string text, string? notice) = Decode(bytes, header, looksInside: isXml);
        return new FetchedPage($"<html><body><pre>{WebUtility.HtmlEncode(text)}</pre></body></html>", title) { Notice = notice };
    }

    private static (string Text, string? Notice) Decode(ReadOnlySpan<byte> bytes, string? header, bool looksInside)
    {
        if (bytes.StartsWith("\uFEFF"u8)) return WithNotice(Encoding.UTF8.GetString(bytes[3..]), "UTF-8");
        if (bytes.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xFE])) return WithNotice(Encoding.Unicode.GetString(bytes[2..]), "UTF-16");
        if (bytes.StartsWith((ReadOnlySpan<byte>)[0xFE, 0xFF])) return WithNotice(Encoding.BigEndianUnicode.GetString(bytes[2..]), "UTF-16");

        string? label = header?.Trim(' ', '"', '\''), unknown = null;
        if (label is { Length: > 0 })
        {
            if (Named(label, isInside: false) is { } found) return WithNotice(found.GetString(bytes), label);
            unknown = label;
        }
        if (looksInside && Declared(Encoding.Latin1.GetString(bytes[..Math.Min(bytes.Length, PrescanBytes)])) is { } declared)
        {
            if (Named(declared, isInside: true) is { } found) return WithNotice(found.GetString(bytes), declared);
            unknown ??= declared;
        }
        if (unknown is not null)
        {
            string notice = $"This page declares the encoding '{UrlText.Cut(unknown)}', which is not known; it was read as UTF-8.";
            return (Encoding.UTF8.GetString(bytes), notice);
        }
        try
        {
            return (StrictUtf8.GetString(bytes), null);
        }
        catch (DecoderFallbackException)
        {
            const string Notice = "This page declares no encoding and is not UTF-8; characters that could not be read are shown as \uFFFD.";
            return (Encoding.UTF8.GetString(bytes), Notice);
        }
    }

    // A page may hold U+FFFD itself; that is shown as the same character, so the notice is right in both cases.
    private static (string Text, string? Notice) WithNotice(string text, string name) =>
        (text, text.Contains('\uFFFD') ? $"This page is {UrlText.Cut(name)}; characters that could not be read are shown as \uFFFD." : null);

    /// <summary>The label that the document itself gives: in its XML declaration, or the first <c>meta</c> that has one.</summary>
    private static string? Declared(string start)
    {
        if (XmlDeclaration().Match(start) is { Success: true } xml && xml.Groups["label"] is { Success: true } inXml) return inXml.Value;
        foreach (Match meta in MetaTag().Matches(Comment().Replace(start, "")))
        {
            Dictionary<string, string> attributes = [];
            foreach (Match attribute in Attribute().Matches(meta.Value))
                attributes.TryAdd(attribute.Groups["name"].Value.ToLowerInvariant(), attribute.Groups["value"].Value.Trim('"', '\'', ' '));
            if (attributes.TryGetValue("charset", out string? charset)) return charset;
            if (attributes.TryGetValue("http-equiv", out string? equivalent) && equivalent.Equals("content-type", StringComparison.OrdinalIgnoreCase)
                && attributes.TryGetValue("content", out string? content) && ContentCharset().Match(content) is { Success: true } inContent)
                return inContent.Groups["label"].Value;
        }
        return null;
    }

    /// <summary>The encoding of a label; null if there is none.</summary>
    private static Encoding? Named(string label, bool isInside)
    {
        // The names that browsers read as a larger encoding, which is what such pages really use.
        string name = label.Trim().ToLowerInvariant() switch
        {
            "iso-8859-1" or "iso8859-1" or "iso_8859-1" or "latin1" or "l1" or "ascii" or "us-ascii" or "cp1252" => "windows-1252",
            "iso-8859-9" or "latin5" => "windows-1254",
            "iso-8859-11" or "tis-620" => "windows-874",
            "gb2312" or "gbk" or "gb_2312-80" or "x-gbk" => "gb18030",
            "euc-kr" or "ks_c_5601-1987" or "ksc5601" => "ks_c_5601-1987",
            "shift-jis" or "sjis" or "x-sjis" or "windows-31j" => "shift_jis",
            "utf8" => "utf-8",
            // A document whose ASCII declaration could be read is not UTF-16.
            "utf-16" or "utf-16le" or "utf-16be" or "unicode" when isInside => "utf-8",
            var other => other,
        };
        try
        {
            return CodePagesEncodingProvider.Instance.GetEncoding(name) ?? Encoding.GetEncoding(name);
        }
        catch (Exception e) when (e is ArgumentException or NotSupportedException)
        {
            return null;
        }
    }

    [GeneratedRegex(@"^\s*<\?xml\b[^>]*?(?:\bencoding\s*=\s*[""'](?<label>[^""'>]*)[""'][^>]*?)?\?>", RegexOptions.CultureInvariant)]
    private static partial Regex XmlDeclaration();

    [GeneratedRegex("<!--.*?(?:-->|\\z)", RegexOptions.Singleline)]
    private static partial Regex Comment();

    [GeneratedRegex(@"<meta[\s/][^>]*>", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex MetaTag();

    [GeneratedRegex(@"(?<name>[\w-]+)\s*=\s*(?<value>""[^""]*""|'[^']*'|[^\s""'>]+)", RegexOptions.CultureInvariant)]
    private static partial Regex Attribute();

    [GeneratedRegex(@"\bcharset\s*=\s*[""']?\s*(?<label>[^\s""';]+)", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex ContentCharset();
}
