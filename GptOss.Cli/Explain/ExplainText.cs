using GptOss.Cli.Output;
using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Model.Stages;

namespace GptOss.Cli.Explain;

/// <summary>What <c>explain</c> prints for people: the forward pass from top to bottom. A stage is explained where it occurs first.</summary>
internal static class ExplainText
{
    private const int Width = 110;

    internal static void Write(TokenPass pass, TextWriter to)
    {
        GptOssConfig c = pass.Model.Config;
        to.WriteLine($"{Title(pass)}.");
        to.WriteLine($"Context: {Context(pass)}");
        for (int layer = -1; layer <= c.NumHiddenLayers; layer++)
        {
            to.WriteLine();
            to.WriteLine(Heading(pass, layer));
            foreach (Stage stage in pass.StagesOf(layer))
                WriteStage(pass, stage, layer is -1 || layer == c.NumHiddenLayers ? -1 : layer, isFirst: layer <= 0 || layer == c.NumHiddenLayers, to);
        }
        to.WriteLine();
        to.WriteLine("The next token");
        to.Write(Text.Table([.. pass.Next.Select(token => new[] { "  " + pass.TokenText(token.Id), ValueSummary.Percent(Math.Exp(token.LogProbability)) })], 1));
        to.WriteLine();
        to.WriteLine($"Logit lens: final norm and unembedding after every block; the last column is {pass.TokenText(pass.Next[0].Id)}");
        to.Write(Text.Table(
        [
            .. pass.Lens.Select(point => (string[])
            [
                "  " + StageNames.Of(point.Stage, point.Layer),
                .. point.Top.SelectMany(token => new[] { pass.TokenText(token.Id), ValueSummary.Percent(Math.Exp(token.LogProbability)) }),
                ValueSummary.Percent(point.Final),
            ]),
        ], 2, 4, 6, 7));
    }

    /// <summary>Position 7 of 8 tokens, " is", through tiny-gpt-oss in float32.</summary>
    internal static string Title(TokenPass pass) =>
        $"Position {pass.Position} of {pass.Ids.Length} tokens, {pass.TokenText(pass.Ids[pass.Position])}, through {pass.ModelName} in {pass.Model.Precision.ToString().ToLowerInvariant()}";

    /// <summary>What a part of the pass is called: before the layers (−1), a layer, after them.</summary>
    internal static string Heading(TokenPass pass, int layer)
    {
        GptOssConfig c = pass.Model.Config;
        return layer < 0 ? "Into the stream"
            : layer == c.NumHiddenLayers ? "Out of the stream"
            : c.WindowOf(layer) is int window ? $"Layer {layer}, which sees the last {window} positions"
            : $"Layer {layer}, which sees every position";
    }

    private static string Context(TokenPass pass)
    {
        int from = Math.Max(0, pass.Position - 11);
        IEnumerable<string> before = pass.Ids[from..pass.Position].Select(pass.TokenText);
        return $"{(from > 0 ? "… " : "")}{string.Join(' ', [.. before, $"→ {pass.TokenText(pass.Ids[pass.Position])}"])}";
    }

    private static void WriteStage(TokenPass pass, Stage stage, int layer, bool isFirst, TextWriter to)
    {
        (string symbols, int[] sizes) = StageNote.ShapeOf(stage, pass.Model.Config);
        StageNote note = StageNote.Of(stage, pass.Model.Config);
        to.WriteLine();
        to.WriteLine($"  {StageNames.Of(stage, layer)}  {note.Title}  [{symbols}] = [{string.Join(", ", sizes)}]");
        if (isFirst)
        {
            to.WriteLine($"    {note.Formula}");
            foreach (string line in Wrapped(note.Why))
                to.WriteLine($"    {line}");
            to.WriteLine($"    published: gpt_oss/torch/model.py, {note.Published}");
            foreach (SourcePlace place in note.Code)
                to.WriteLine($"    {place}  {place.Quote()}");
        }
        if (stage == Stage.Heads)
            WriteHeads(pass, layer, to);
        if (stage is Stage.Experts)
            WriteExperts(pass, layer, to);
        else
            WriteValues(pass.Values[(stage, layer)], sizes, to);
        if (pass.LensOf(stage, layer) is { } lens)
            to.WriteLine($"    lens: {string.Join(", ", lens.Top.Select(token => $"{pass.TokenText(token.Id)} {ValueSummary.Percent(Math.Exp(token.LogProbability))}"))}");
    }

    private static void WriteValues(float[] values, int[] sizes, TextWriter to)
    {
        ValueSummary summary = ValueSummary.Of(values, sizes);
        to.WriteLine($"    {summary.Start(values.Length)}   {summary.Size()}");
    }

    private static void WriteHeads(TokenPass pass, int layer, TextWriter to)
    {
        List<string[]> rows = [["    head", "sink", "most attended"]];
        for (int head = 0; head < pass.Heads[layer].Count; head++)
        {
            HeadShares shares = pass.Heads[layer][head];
            rows.Add([$"    {head}", ValueSummary.Percent(shares.Sink), string.Join(", ", shares.Top.Select(top =>
                $"{pass.TokenText(pass.Ids[top.Position])} at {top.Position} {ValueSummary.Percent(top.Share)}"))]);
        }
        to.Write(Text.Table(rows, 1));
    }

    private static void WriteExperts(TokenPass pass, int layer, TextWriter to)
    {
        float[] router = pass.Values[(Stage.Router, layer)];
        IEnumerable<string> chosen = pass.Chosen[layer].Select(expert => $"{expert} ({ValueSummary.Number(router[expert])})");
        string next = pass.RunnerUp(layer) is var (runnerUp, logit, margin)
            ? $"; next would be {runnerUp} ({ValueSummary.Number(logit)}), by a margin of {ValueSummary.Number(margin)}"
            : "";
        to.WriteLine($"    {string.Join(", ", chosen)}{next}");
    }

    private static IEnumerable<string> Wrapped(string text)
    {
        string line = "";
        foreach (string word in text.Split(' '))
        {
            if (line.Length + 1 + word.Length > Width && line.Length > 0)
            {
                yield return line;
                line = word;
                continue;
            }
            line = line.Length == 0 ? word : $"{line} {word}";
        }
        yield return line;
    }
}
