using System.Text;
using System.Text.RegularExpressions;
using GptOss.Cli.Output;
using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Generation;
using GptOss.Reference.Model.Stages;

namespace GptOss.Cli.Explain;

/// <summary>The page that <c>explain --html</c> writes: the forward pass from top to bottom, explained in layer 0.</summary>
internal static partial class ExplainHtml
{
    /// <summary>Layers that are open when the page is: the first two, of which one has a window, and the last.</summary>
    private const int OpenFirst = 2;

    /// <summary>Values of a strip, and tokens of the context before the one that is followed.</summary>
    private const int StripValues = 64, ContextTokens = 60;

    internal static void Write(TokenPass pass, string path, bool force) => HtmlPage.Write(path, force, "One token through gpt-oss", to =>
    {
        int layers = pass.Model.Config.NumHiddenLayers;
        WriteStart(pass, to);
        for (int layer = -1; layer <= layers; layer++)
            WritePart(pass, layer, to);
        WriteNext(pass, to);
        WriteLens(pass, to);
    }, Style);

    private static void WriteStart(TokenPass pass, TextWriter to)
    {
        GptOssConfig c = pass.Model.Config;
        to.WriteLine($"<p>{HtmlPage.Escape(ExplainText.Title(pass))}: {c.NumHiddenLayers} layers, a stream "
            + $"of {c.HiddenSize} channels, {c.NumAttentionHeads} heads, "
            + $"{c.ExpertsPerToken} of {c.NumExperts} experts.</p>");
        int from = Math.Max(0, pass.Position - ContextTokens), end = Math.Min(pass.Ids.Length, pass.Position + 1);
        to.Write($"<p class=\"context\">{(from > 0 ? "… " : "")}");
        for (int position = from; position < end; position++)
        {
            string now = position == pass.Position ? " class=\"now\"" : "";
            to.Write($"<span{now} title=\"position {position}\">{Token(pass, pass.Ids[position])}</span> ");
        }
        to.WriteLine("</p>");
        to.WriteLine(
            "<p>Read it from top to bottom, as the model computes. Every stage is explained in layer 0; the other layers show what it was there. "
            + "A strip is a stage's first values, <i class=\"key neg\"></i> below and <i class=\"key pos\"></i> above 0. "
            + "<em>Lens</em> is what the model would say if it stopped there: final norm and unembedding applied to the stream.</p>");
        to.Write("<nav><a href=\"#in\">in</a>");
        for (int layer = 0; layer < c.NumHiddenLayers; layer++)
            to.Write($" <a href=\"#layer-{layer}\">{layer}</a>");
        to.WriteLine(" <a href=\"#out\">out</a> <a href=\"#next\">next token</a> <a href=\"#lens\">lens</a></nav>");
    }

    private static void WritePart(TokenPass pass, int layer, TextWriter to)
    {
        int layers = pass.Model.Config.NumHiddenLayers;
        bool isLayer = layer >= 0 && layer < layers, isOpen = layer < OpenFirst || layer >= layers - 1;
        to.WriteLine($"<details class=\"part\" id=\"{(layer < 0 ? "in" : isLayer ? $"layer-{layer}" : "out")}\"{(isOpen ? " open" : "")}>");
        to.Write($"<summary><h2>{HtmlPage.Escape(ExplainText.Heading(pass, layer))}</h2>");
        if (isLayer)
        {
            to.Write($"<span class=\"soft\">experts {string.Join(", ", pass.Chosen[layer])}; " +
                $"lens {Lens(pass, pass.LensOf(Stage.MlpResidual, layer)!, 1)}</span>");
        }
        to.WriteLine("</summary>");
        foreach (Stage stage in pass.StagesOf(layer))
            WriteStage(pass, stage, isLayer ? layer : -1, isExplained: layer <= 0 || layer == layers, to);
        to.WriteLine("</details>");
    }

    private static void WriteStage(TokenPass pass, Stage stage, int layer, bool isExplained, TextWriter to)
    {
        GptOssConfig c = pass.Model.Config;
        var note = StageNote.Of(stage, c);
        (string symbols, int[] sizes) = StageNote.ShapeOf(stage, c);
        to.WriteLine($"<section class=\"stage{(isExplained ? "" : " brief")}\">");
        to.WriteLine($"<h3>{HtmlPage.Escape(note.Title)} <code>{StageNames.Of(stage, layer)}</code> <span " +
            $"class=\"soft\">[{HtmlPage.Escape(symbols)}] = [{string.Join(", ", sizes)}]</span></h3>");
        if (isExplained)
        {
            to.WriteLine($"<p class=\"formula\">{Formula(note.Formula)}</p><p>{HtmlPage.Escape(note.Why)}</p>");
            to.WriteLine("<ul class=\"source\">");
            foreach (SourcePlace place in note.Code)
                to.WriteLine($"<li><b>{HtmlPage.Escape(place.ToString())}</b> <code>{HtmlPage.Escape(place.Quote())}</code></li>");
            to.WriteLine($"<li>published: gpt_oss/torch/model.py, {HtmlPage.Escape(note.Published)}</li></ul>");
        }
        if (stage == Stage.Heads)
            WriteHeads(pass, layer, isExplained, to);
        if (stage == Stage.Experts)
            WriteExperts(pass, layer, to);
        else
            WriteValues(pass.Values[(stage, layer)], sizes, to);
        if (pass.LensOf(stage, layer) is { } lens)
            to.WriteLine($"<p class=\"soft\">lens {Lens(pass, lens, TokenPass.TopLens)}</p>");
        to.WriteLine("</section>");
    }

    private static void WriteValues(float[] values, int[] sizes, TextWriter to)
    {
        var summary = ValueSummary.Of(values, sizes);
        int shown = Math.Min(StripValues, values.Length);
        var strip = new StringBuilder();
        for (int i = 0; i < shown; i++)
        {
            // Full colour at three times the stage's size.
            double depth = Math.Min(1, Math.Abs(values[i]) / (3 * summary.Rms + 1e-30));
            strip.Append($"<i class=\"{(values[i] < 0 ? "neg" : "pos")}\" style=\"opacity:{(double.IsNaN(depth) ? 0 : depth):0.##}\"></i>");
        }
        to.WriteLine($"<div class=\"values\"><div class=\"strip\">{strip}</div><code>{summary.Start(values.Length)}</code> <span " +
            $"class=\"soft\">{summary.Size()}</span></div>");
    }

    private static void WriteHeads(TokenPass pass, int layer, bool hasLegend, TextWriter to)
    {
        if (hasLegend)
        {
            to.WriteLine("<p class=\"legend\"><span><i class=\"sink\"></i>sink</span> <span><i class=\"top0\"></i><i class=\"top1\"></i><i "
                + "class=\"top2\"></i>the three most attended</span> "
                + "<span><i class=\"rest\"></i>the rest</span></p>");
        }
        to.WriteLine(
            "<div class=\"scroll\" tabindex=\"0\"><table class=\"plain heads\"><thead><tr><th>head</th><th>sink</th><th class=\"text\">shares</th>"
            + "<th class=\"text\">most attended, with its position</th></tr></thead><tbody>");
        for (int head = 0; head < pass.Heads[layer].Count; head++)
        {
            HeadShares shares = pass.Heads[layer][head];
            to.Write($"<tr><td>{head}</td><td>{ValueSummary.Percent(shares.Sink)}</td><td class=\"text\"><div class=\"bar\">");
            to.Write($"<i class=\"sink\" style=\"width:{100 * shares.Sink:0.##}%\"></i>");
            for (int i = 0; i < shares.Top.Count; i++)
                to.Write($"<i class=\"top{i}\" style=\"width:{100 * shares.Top[i].Share:0.##}%\"></i>");
            to.Write("</div></td><td class=\"text\">");
            to.Write(string.Join(" ", shares.Top.Select(top =>
                $"<span class=\"pair\">{Token(pass, pass.Ids[top.Position])}<sub>{top.Position}</sub> {ValueSummary.Percent(top.Share)}</span>")));
            to.WriteLine("</td></tr>");
        }
        to.WriteLine("</tbody></table></div>");
    }

    private static void WriteExperts(TokenPass pass, int layer, TextWriter to)
    {
        float[] router = pass.Values[(Stage.Router, layer)], weights = pass.Values[(Stage.ExpertWeights, layer)];
        float least = router.Min(), most = router.Max();
        to.Write("<div class=\"experts\">");
        for (int expert = 0; expert < router.Length; expert++)
        {
            string chosen = pass.Chosen[layer].Contains(expert) ? " class=\"on\"" : "", logit = ValueSummary.Number(router[expert]);
            to.Write($"<i{chosen} style=\"height:{BarHeight(router[expert], least, most):0}%\" title=\"expert {expert}: logit {logit}\"></i>");
        }
        to.WriteLine("</div><p>");
        to.Write(string.Join(", ", pass.Chosen[layer].Select((expert, rank) =>
            $"<b>{expert}</b> <span class=\"soft\">logit {ValueSummary.Number(router[expert])}, " +
                $"weight</span> {ValueSummary.Percent(weights[rank])}")));
        if (pass.RunnerUp(layer) is var (runnerUp, nextLogit, margin))
        {
            to.Write($" <span class=\"soft\">· next would be {runnerUp} with {ValueSummary.Number(nextLogit)}, "
                + $"by a margin of {ValueSummary.Number(margin)}</span>");
        }
        to.WriteLine("</p>");
    }

    /// <summary>Percent: 8 for the least logit, so that its bar can be seen, and 100 for the largest.</summary>
    private static double BarHeight(double logit, double least, double most)
    {
        double height = most > least ? 8 + 92 * (logit - least) / (most - least) : 50;
        return double.IsFinite(height) ? height : 0;
    }

    private static void WriteNext(TokenPass pass, TextWriter to)
    {
        to.WriteLine("<h2 id=\"next\">The next token</h2><div class=\"scroll\" tabindex=\"0\"><table class=\"plain next\"><tbody>");
        foreach (TokenLogProbability token in pass.Next)
        {
            double probability = Math.Exp(token.LogProbability);
            to.WriteLine($"<tr><td class=\"text\">{Token(pass, token.Id)}</td><td>{100 * probability:F2} %</td>"
                + $"<td class=\"text\"><div class=\"bar\"><i class=\"top0\" style=\"width:{100 * probability:0.##}%\"></i></div></td></tr>");
        }
        to.WriteLine("</tbody></table></div>");
    }

    private static void WriteLens(TokenPass pass, TextWriter to)
    {
        to.WriteLine("<h2 id=\"lens\">Logit lens</h2>");
        to.WriteLine($"<p>What the stream says after every block, and how much of it goes to {Token(pass, pass.Next[0].Id)}, which comes " +
            $"out on top in the end.</p>");
        to.WriteLine("<div class=\"scroll\" tabindex=\"0\"><table class=\"plain lens\"><thead><tr><th class=\"text\">after</th>"
            + $"<th class=\"text\" colspan=\"{TokenPass.TopLens}\">most probable</th><th>{Token(pass, pass.Next[0].Id)}</th></tr></thead><tbody>");
        foreach (LensPoint point in pass.Lens)
        {
            to.Write($"<tr><th class=\"text\">{StageNames.Of(point.Stage, point.Layer)}</th>");
            foreach (TokenLogProbability token in point.Top)
            {
                double probability = Math.Exp(token.LogProbability);
                to.Write($"<td class=\"text {HtmlPage.ShareClass(probability)}\">{Token(pass, token.Id)} {ValueSummary.Percent(probability)}</td>");
            }
            to.WriteLine($"<td class=\"{HtmlPage.ShareClass(point.Final)}\">{ValueSummary.Percent(point.Final)}</td></tr>");
        }
        to.WriteLine("</tbody></table></div>");
    }

    /// <summary>a_b and e^(c) as they are set, and each formula of a stage on a line of its own.</summary>
    private static string Formula(string formula) =>
        PowerPattern().Replace(IndexPattern().Replace(HtmlPage.Escape(formula), "<sub>$1</sub>"), "<sup>$1</sup>")
            .Replace(",  ", "<br/>", StringComparison.Ordinal);

    private static string Lens(TokenPass pass, LensPoint point, int count) =>
        string.Join(", ", point.Top.Take(count).Select(token => $"{Token(pass, token.Id)} {ValueSummary.Percent(Math.Exp(token.LogProbability))}"));

    private static string Token(TokenPass pass, int id) =>
        pass.Tokenizer is { } tokenizer ? HtmlPage.Token(tokenizer.Decode([id])) : $"<code>{id}</code>";

    [GeneratedRegex(@"_(\w+)")]
    private static partial Regex IndexPattern();

    [GeneratedRegex(@"\^\(([^()]*)\)")]
    private static partial Regex PowerPattern();

    private const string Style = """
        nav{display:flex;flex-wrap:wrap;gap:.2rem .7rem;margin:.8rem 0}a{color:var(--s4)}.soft{color:var(--soft);font-weight:400}
        .context{max-width:none;line-height:1.9}.context span{display:inline-block;max-width:100%;line-height:1.5;background:var(--s0);border-radius:3px;padding:.1rem .25rem}.context .now{background:var(--r6);color:var(--pale);outline:2px solid var(--r7)}
        .part{border-top:2px solid var(--line);margin-top:1.2rem}.part summary{cursor:pointer;padding:.5rem 0}.part summary h2{display:inline;margin:0 .8rem 0 .2rem}
        .stage{border-left:3px solid var(--s2);padding:.1rem 0 .3rem .9rem;margin:1rem 0}.stage.brief{margin:.45rem 0;border-color:var(--line)}
        h3{font-size:1rem;margin:.1rem 0}h3 code{font-weight:400;color:var(--soft)}.brief h3{font-size:.92rem;font-weight:600}
        .formula{font:1.02rem/1.6 ui-serif,Georgia,"DejaVu Serif",serif;background:var(--s0);color:var(--pale);padding:.3rem .7rem;border-radius:4px;display:inline-block;max-width:100%;box-sizing:border-box}
        .source{list-style:none;margin:.3rem 0;padding:0;font-size:.85rem;color:var(--soft);overflow-wrap:anywhere}.source b{font-weight:500;color:var(--ink)}
        .scroll+.values{margin-top:.5rem}.values{display:flex;flex-wrap:wrap;gap:.2rem .9rem;align-items:center;margin:.25rem 0}.values code,.values span{font-size:.83rem}.formula sub,.formula sup{line-height:0;font-size:.75em}
        .strip{display:flex;height:14px;width:320px;max-width:100%;outline:1px solid var(--line)}.strip i{flex:1}
        .neg{background:#2f77c4}.pos{background:#e0801c}.key{display:inline-block;width:.9em;height:.9em;vertical-align:-.1em}
        .bar{display:flex;height:13px;width:240px;background:var(--line)}.bar i{display:block}.rest{background:var(--line)}
        .sink{background:repeating-linear-gradient(45deg,var(--soft) 0 2px,var(--page) 2px 5px)}.top0{background:var(--s4)}.top1{background:var(--s3)}.top2{background:var(--s2)}
        .plain.heads td,.plain.heads th,.plain.next td,.plain.lens td,.plain.lens th{white-space:nowrap;vertical-align:middle}.plain .pair{margin-right:.9rem}.pair sub{color:var(--soft);font-size:.72em}
        .plain.lens th.text{font-weight:400}.heads code,.lens code,.next code{white-space:pre}
        .experts{display:flex;align-items:flex-end;gap:2px;height:46px;max-width:420px;margin:.4rem 0 .2rem;border-bottom:1px solid var(--line)}.experts i{flex:1;max-width:14px;background:var(--s2)}.experts .on{background:#e0801c}
        .pair{display:inline-block}@media(max-width:42rem){.bar{width:110px}.plain.heads td:last-child,.plain.heads th:last-child{white-space:normal}.plain th,.plain td{padding:.15rem .4rem}.plain.heads,.plain.lens{font-size:.87rem}}
        """;
}
