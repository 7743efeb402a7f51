using System.Globalization;
using GptOss.Cli.Output;
using GptOss.Reference.Oracle.Routing;

namespace GptOss.Cli.Inspect;

/// <summary>The page that <c>inspect --routing --html</c> writes: heat maps of load, of pairs and of margins, each a table whose cells have their numbers.</summary>
internal static class RoutingHtml
{
    /// <summary>Experts up to which cells have room for their number, in the load and in a matrix of pairs.</summary>
    private const int MostWithNumbers = 32, MostWithNumbersInMatrix = 10;

    /// <summary>Experts up to which all pairs are shown; of more, as many of the busiest.</summary>
    private const int MostInMatrix = 64, BusiestInMatrix = 40;

    internal static void Write(RoutingReport report, string path, bool force) => HtmlPage.Write(path, force, $"Expert routing of {report.Model}", to =>
    {
        to.WriteLine($"<p>{HtmlPage.Escape(RoutingText.Title(report))}.</p>");
        WriteLoad(report, to);
        WriteLayers(report, to);
        WritePairs(report, to);
        WriteMargins(report, to);
    }, Style);

    private static void WriteLoad(RoutingReport report, TextWriter to)
    {
        int experts = report.Config.NumExperts;
        bool small = experts > MostWithNumbers;
        to.WriteLine("<h2>Load</h2>");
        to.WriteLine($"<p>How often each expert was chosen, over what even use of all {experts} would give.</p>");
        to.WriteLine(HtmlPage.RatioLegend("times even use", "never chosen"));
        to.WriteLine($"{HtmlPage.Scroll("Load")}<table class=\"heat{(small ? " small" : "")}\"><caption>Layers down, experts across</caption>");
        to.Write($"<thead><tr><th scope=\"col\"{(small ? " class=\"shown\"" : "")}>layer</th>");
        for (int expert = 0; expert < experts; expert++)
            to.Write($"<th scope=\"col\"{(small ? Shown(expert) : "")}>{expert}</th>");
        to.WriteLine("</tr></thead><tbody>");
        foreach (LayerRouting layer in report.Statistics.Layers)
        {
            to.Write($"<tr><th scope=\"row\"{(small ? " class=\"shown\"" : "")}>{layer.Layer}</th>");
            for (int expert = 0; expert < experts; expert++)
            {
                double load = layer.Load(expert);
                Cell(to, HtmlPage.RatioClass(load), F($"layer {layer.Layer}, expert {expert}: {layer.Counts[expert]:N0} tokens, {100 * layer.Share(expert):F2} %"), F($"{load:0.0}"));
            }
            to.WriteLine("</tr>");
        }
        to.WriteLine("</tbody></table></div>");
    }

    private static void WriteLayers(RoutingReport report, TextWriter to)
    {
        to.WriteLine("<h2>Balance</h2>");
        to.WriteLine("<p>Effective experts are e to the entropy of the load: as many evenly used ones would be as hard to foretell. "
            + "Variation is the standard deviation of the load over its mean.</p>");
        Table(to, "Balance", ["layer", "effective experts", "variation", "busiest", "share", "idlest", "share", "unused"],
            report.Statistics.Layers.Select(layer =>
            {
                (int busiest, int idlest) = RoutingText.Ends(layer);
                return new[]
                {
                    F($"{layer.Layer}"), F($"{layer.EffectiveExperts:F1}"), F($"{layer.CoefficientOfVariation:F2}"), F($"{busiest}"),
                    F($"{100 * layer.Share(busiest):F1} %"), F($"{idlest}"), F($"{100 * layer.Share(idlest):F1} %"), F($"{layer.Unused}"),
                };
            }));
    }

    private static void WritePairs(RoutingReport report, TextWriter to)
    {
        int experts = report.Config.NumExperts;
        to.WriteLine("<h2>Experts that occur together</h2>");
        to.WriteLine(F($"<p>How often a token chose both of a pair, over what the loads alone explain. {report.Surprising.Count:N0} of ")
            + F($"{report.Pairs.Sum(pairs => (long)pairs.Count):N0} pairs occur together more often than chance would make the most surprising one do ")
            + F($"(over {report.Statistics.SurpriseOfChance:F1} standard deviations). Neighbouring tokens are alike, so this is a hint, not a proof.</p>"));
        Table(to, "Pairs", ["layer", "experts", "together", "by chance", "ratio", "surprise"], report.Surprising.Take(RoutingReport.MostListed).Select(pair => new[]
        {
            F($"{pair.Layer}"), F($"{pair.A} and {pair.B}"), F($"{pair.Together:N0}"), F($"{pair.Expected:N1}"), F($"{pair.Ratio:F2}"), F($"{pair.Surprise:F1}"),
        }));
        to.WriteLine(HtmlPage.RatioLegend("times chance", "never together"));
        if (experts > MostInMatrix)
            to.WriteLine($"<p>Of each layer the {BusiestInMatrix} busiest of {experts} experts are shown; <code>--json</code> has all.</p>");
        to.WriteLine("<div class=\"many\">");
        foreach (LayerRouting layer in report.Statistics.Layers)
            WriteMatrix(report, layer, to);
        to.WriteLine("</div>");
    }

    private static void WriteMatrix(RoutingReport report, LayerRouting layer, TextWriter to)
    {
        int experts = report.Config.NumExperts;
        int[] shown = experts <= MostInMatrix ? [.. Enumerable.Range(0, experts)]
            : [.. Enumerable.Range(0, experts).OrderByDescending(expert => layer.Counts[expert]).Take(BusiestInMatrix).Order()];
        Dictionary<(int, int), ExpertPair> pairs = report.Pairs[layer.Layer].ToDictionary(pair => (pair.A, pair.B));
        string size = shown.Length > MostWithNumbersInMatrix ? "heat small" : "heat";
        to.Write($"<figure tabindex=\"0\" aria-label=\"Pairs of layer {layer.Layer}\"><table class=\"{size}\"><caption>Layer {layer.Layer}</caption><thead><tr><th></th>");
        for (int column = 0; column < shown.Length - 1; column++)
            to.Write($"<th scope=\"col\"{Shown(column)}>{shown[column]}</th>");
        to.WriteLine("</tr></thead><tbody>");
        for (int row = 1; row < shown.Length; row++)
        {
            to.Write($"<tr><th scope=\"row\"{Shown(row)}>{shown[row]}</th>");
            for (int column = 0; column < row; column++)
            {
                ExpertPair pair = pairs[(shown[column], shown[row])];
                double ratio = pair.Expected > 0 ? pair.Ratio : 0;
                Cell(to, HtmlPage.RatioClass(ratio), F($"{pair.A} and {pair.B}: {pair.Together:N0}, by chance {pair.Expected:N1}"), F($"{ratio:0.0}"));
            }
            to.WriteLine("</tr>");
        }
        to.WriteLine("</tbody></table></figure>");
    }

    private static void WriteMargins(RoutingReport report, TextWriter to)
    {
        string last = F($"{report.Config.ExpertsPerToken}");
        to.WriteLine("<h2>Near-ties</h2>");
        to.WriteLine($"<p>The margin is the router logit of the last expert chosen (number {last} in rank) minus that of the next, over the root mean square of the layer's "
            + "router logits. Where it is below the router's error budget, two right implementations may choose differently: "
            + F($"{report.AllNearTies:N0} of {report.Statistics.Choices:N0} choices ({100 * RoutingReport.Share(report.AllNearTies, report.Statistics.Choices):F3} %).</p>"));
        to.WriteLine(HtmlPage.ShareLegend("share of a layer's choices"));
        string[] ends = [.. RoutingReport.MarginSteps.Select(RoutingText.Short)];
        to.WriteLine($"{HtmlPage.Scroll("Margins")}<table class=\"heat\"><caption>Layers down, size of the margin across, in percent</caption>");
        to.Write("<thead><tr><th scope=\"col\">layer</th>");
        for (int i = 0; i <= ends.Length; i++)
            to.Write($"<th scope=\"col\">{(i == ends.Length ? $"from {ends[^1]}" : $"&lt; {ends[i]}")}</th>");
        to.WriteLine("<th scope=\"col\">near-ties</th></tr></thead><tbody>");
        foreach (LayerRouting layer in report.Statistics.Layers)
        {
            to.Write($"<tr><th scope=\"row\">{layer.Layer}</th>");
            foreach (int count in report.Margins[layer.Layer])
            {
                double share = RoutingReport.Share(count, report.Statistics.Tokens);
                Cell(to, HtmlPage.ShareClass(share), F($"layer {layer.Layer}: {count:N0} choices"), 100 * share >= 1 ? F($"{100 * share:0.0}") : F($"{100 * share:0.##}"));
            }
            to.WriteLine(F($"<td>{report.NearTies[layer.Layer]:N0}</td></tr>"));
        }
        to.WriteLine("</tbody></table></div>");
        if (report.Closest.Count == 0)
            return;
        to.WriteLine("<h3>The closest choices</h3>");
        Table(to, "Closest choices", ["budgets", "margin", "layer", "position", "chosen", "next", "token"], report.Closest.Select(choice => new[]
        {
            RoutingText.Short(choice.Budgets), RoutingText.Short(choice.Relative), F($"{choice.Layer}"), F($"{choice.Position:N0}"), F($"{choice.Chosen}"),
            F($"{choice.RunnerUp}"), HtmlPage.Token(report.TokenText(choice.Id)),
        }));
    }

    /// <summary>A plain table; cells are HTML. The last column holds text where its heading is token.</summary>
    /// <summary>A table; none where it would have no row, which the sentence before it says.</summary>
    private static void Table(TextWriter to, string name, string[] heads, IEnumerable<string[]> rows)
    {
        if (!rows.Any())
            return;
        string Class(int column) => heads[column] == "token" ? " class=\"text\"" : "";
        to.Write($"{HtmlPage.Scroll(name)}<table class=\"plain\"><thead><tr>");
        for (int i = 0; i < heads.Length; i++)
            to.Write($"<th scope=\"col\"{Class(i)}>{heads[i]}</th>");
        to.WriteLine("</tr></thead><tbody>");
        foreach (string[] row in rows)
        {
            to.Write("<tr>");
            for (int i = 0; i < row.Length; i++)
                to.Write($"<td{Class(i)}>{row[i]}</td>");
            to.WriteLine("</tr>");
        }
        to.WriteLine("</tbody></table></div>");
    }

    /// <summary>Where cells are too small for numbers, every eighth label shows.</summary>
    private static string Shown(int place) => place % 8 == 0 ? " class=\"shown\"" : "";

    private static void Cell(TextWriter to, string name, string title, string text) => to.Write($"<td class=\"{name}\" title=\"{title}\">{text}</td>");

    private static string F(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    // Cells of 8 pixels hold their numbers for those who hear them; others see every eighth label, and the numbers under the pointer.
    private const string Style = """
        .plain .text{min-width:8rem}
        .small{table-layout:fixed;width:max-content}.small td,.small thead th{min-width:0;width:8px;height:10px;padding:0;font-size:1px;overflow:hidden}
        .small td,.small th{color:transparent!important}.small thead th:first-child{width:2.2rem}.small tbody th{font-size:1px}
        .small th.shown{color:var(--soft)!important;font-size:10px;line-height:10px;overflow:visible;text-align:left}.small tbody th.shown{text-align:right}
        .many{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(22rem,100%),1fr));gap:1rem 1.2rem}.many figure{margin:0;overflow-x:auto}
        .many .small{border-spacing:0}.many .small td{height:8px}
        """;
}
