using System.Globalization;
using System.Text;
using GptOss.Cli.Options;
using GptOss.Reference.Checkpoints.Storage;

namespace GptOss.Cli.Output;

/// <summary>One self-contained HTML page: no script, nothing fetched, light and dark as the reader's system is. It is well-formed XML, too.</summary>
internal static class HtmlPage
{
    /// <summary>Upper ends of the steps of <see cref="RatioClass"/>, as ratios; the last step has none.</summary>
    private static readonly double[] RatioSteps = [0.25, 0.5, 0.71, 0.91, 1.1, 1.41, 2, 4];

    /// <summary>Upper ends of the steps of <see cref="ShareClass"/>; the last step has none.</summary>
    private static readonly double[] ShareSteps = [0.01, 0.05, 0.15, 0.3, 0.5];

    /// <summary>Text as it may stand between tags and in attributes.</summary>
    internal static string Escape(string text)
    {
        var escaped = new StringBuilder(text.Length + 16);
        foreach (char c in text)
        {
            _ = c switch
            {
                '&' => escaped.Append("&amp;"),
                '<' => escaped.Append("&lt;"),
                '>' => escaped.Append("&gt;"),
                '"' => escaped.Append("&quot;"),
                '\'' => escaped.Append("&#39;"),
                _ => escaped.Append(c),
            };
        }
        return escaped.ToString();
    }

    /// <summary>The text of a token: quoted so that spaces and line ends show, and apart from the direction of the text around it.</summary>
    internal static string Token(string text) => $"<code><bdi>{Escape(TextInput.Quoted(text))}</bdi></code>";

    /// <summary>Opens a box that scrolls on its own, also by keyboard, where what it holds is wider than the page; the caller closes the div.</summary>
    internal static string Scroll(string label) => $"<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{Escape(label)}\">";

    /// <summary>Writes a page.</summary>
    /// <param name="path">The file; nothing half-written is left.</param>
    /// <param name="force">Replaces a file that is there; otherwise it is refused.</param>
    /// <param name="title">Title and heading, as text.</param>
    /// <param name="body">Writes what stands under the heading, as HTML.</param>
    /// <param name="style">Rules of this page alone.</param>
    /// <exception cref="IOException">The file cannot be written.</exception>
    internal static void Write(string path, bool force, string title, Action<TextWriter> body, string style = "") => AtomicFile.Write(path, file =>
    {
        using var to = new StreamWriter(file, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false), 1 << 16, leaveOpen: true) { NewLine = "\n" };
        to.WriteLine("<!DOCTYPE html>");
        to.WriteLine("<html lang=\"en\"><head><meta charset=\"utf-8\"/><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>");
        to.WriteLine($"<title>{Escape(title)}</title><style>{Style}{style}</style></head><body><main>");
        to.WriteLine($"<h1>{Escape(title)}</h1>");
        body(to);
        to.WriteLine("</main></body></html>");
    }, replace: force);

    /// <summary>The colour of a ratio, where 1 is even: blue below, orange above, hatched for 0. Names r0 … r8 and rz.</summary>
    internal static string RatioClass(double ratio) => ratio == 0 ? "rz" : "r" + Step(RatioSteps, ratio);

    /// <summary>The colour of a share from 0 to 1, deeper for more. Names s0 … s5 and sz for 0.</summary>
    internal static string ShareClass(double share) => share == 0 ? "sz" : "s" + Step(ShareSteps, share);

    /// <summary>What the colours of <see cref="RatioClass"/> mean.</summary>
    /// <param name="what">What the ratio is of, as text.</param>
    /// <param name="none">What 0 means, as text.</param>
    internal static string RatioLegend(string what, string none) => Legend(what, 'r', none, RatioSteps.Select(Number), "×");

    /// <summary>What the colours of <see cref="ShareClass"/> mean.</summary>
    /// <param name="what">What the share is of, as text.</param>
    internal static string ShareLegend(string what) => Legend(what, 's', "none", ShareSteps.Select(step => Number(100 * step)), " %");

    private static string Legend(string what, char name, string none, IEnumerable<string> steps, string unit)
    {
        string[] ends = [.. steps];
        var text = new StringBuilder($"<p class=\"legend\">{Escape(what)}: <span><i class=\"{name}z\"></i>{Escape(none)}</span>");
        for (int i = 0; i <= ends.Length; i++)
        {
            string range = i == 0 ? $"below {ends[0]}" : i == ends.Length ? $"from {ends[^1]}" : $"{ends[i - 1]}–{ends[i]}";
            text.Append(CultureInfo.InvariantCulture, $" <span><i class=\"{name}{i}\"></i>{range}{unit}</span>");
        }
        return text.Append("</p>").ToString();
    }

    private static int Step(double[] ends, double value)
    {
        int step = Array.FindIndex(ends, end => value < end);
        return step < 0 ? ends.Length : step;          // NaN, too, is beyond every end
    }

    private static string Number(double value) => value.ToString("0.##", CultureInfo.InvariantCulture);

    // Blue and orange stay apart for every common kind of colour blindness; away from even both grow darker on light and lighter on dark.
    private const string Style = """
        :root{color-scheme:light dark;--page:#fff;--ink:#1b1d1f;--soft:#5b6168;--line:#d9dce0;
        --r0:#2c5f9e;--r1:#6a9bd1;--r2:#aecbe6;--r3:#dbe7f2;--r4:#f3f3f1;--r5:#fbe5cb;--r6:#f5bd82;--r7:#df882b;--r8:#944a05;
        --s0:#e6eff7;--s1:#c6dbee;--s2:#94bde0;--s3:#5f9acd;--s4:#2f6fac;--s5:#123f73;--pale:#1b1d1f;--deep:#fff}
        @media(prefers-color-scheme:dark){:root{--page:#17191b;--ink:#e7e9eb;--soft:#a4abb2;--line:#383c41;
        --r0:#8cc1f5;--r1:#4384c2;--r2:#2f5779;--r3:#28394a;--r4:#2b2e31;--r5:#493a29;--r6:#7b5426;--r7:#bf7a23;--r8:#ffb757;
        --s0:#1f2b37;--s1:#254059;--s2:#2e5e89;--s3:#4c88bf;--s4:#85b6e5;--s5:#cfe4fa;--pale:#e7e9eb;--deep:#111}}
        body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
        main{max-width:76rem;margin:0 auto;padding:1rem 1.25rem 3rem}
        h1{font-size:1.5rem;margin:.5rem 0}h2{font-size:1.15rem;margin:2rem 0 .4rem}p{max-width:48rem;margin:.4rem 0}
        code{font:.92em ui-monospace,monospace;white-space:pre-wrap;overflow-wrap:anywhere}
        .scroll{overflow-x:auto}table{border-collapse:collapse}caption{text-align:left;color:var(--soft);padding:.2rem 0}
        .plain th,.plain td{padding:.15rem .7rem;border-bottom:1px solid var(--line);text-align:right;vertical-align:top;white-space:nowrap;font-variant-numeric:tabular-nums}
        .plain thead th{color:var(--soft);font-weight:600}.plain .text{text-align:left;white-space:normal}
        .heat{border-collapse:separate;border-spacing:1px}.heat th{font-weight:400;color:var(--soft);font-size:11px;line-height:1}
        .heat tbody th{text-align:right;padding:0 .35rem;position:sticky;left:0;background:var(--page)}
        .heat td{min-width:1.75rem;height:1.45rem;padding:0 .15rem;text-align:center;font-size:11px;line-height:1;font-variant-numeric:tabular-nums}
        .heat thead th{padding:0 .3rem;white-space:nowrap}
        .legend{display:flex;flex-wrap:wrap;gap:.1rem .8rem;color:var(--soft);font-size:.87rem;max-width:none}
        .legend i{display:inline-block;width:1em;height:1em;margin-right:.3em;vertical-align:-.15em;outline:1px solid var(--line)}
        .rz,.sz{background:repeating-linear-gradient(45deg,transparent 0 2px,var(--line) 2px 4px);color:var(--soft)}
        .r0{background:var(--r0);color:var(--deep)}.r1{background:var(--r1);color:#111}.r2{background:var(--r2);color:var(--pale)}
        .r3{background:var(--r3);color:var(--pale)}.r4{background:var(--r4);color:var(--pale)}.r5{background:var(--r5);color:var(--pale)}
        .r6{background:var(--r6);color:var(--pale)}.r7{background:var(--r7);color:#111}.r8{background:var(--r8);color:var(--deep)}
        .s0{background:var(--s0);color:var(--pale)}.s1{background:var(--s1);color:var(--pale)}.s2{background:var(--s2);color:var(--pale)}
        .s3{background:var(--s3);color:#111}.s4{background:var(--s4);color:var(--deep)}.s5{background:var(--s5);color:var(--deep)}
        """;
}
