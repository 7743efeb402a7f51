using System.Text.Json;
using GptOss.Reference.Generation;
using GptOss.Reference.Ground;
using GptOss.Reference.Model.Stages;

namespace GptOss.Cli.Explain;

/// <summary>The object that <c>explain --json</c> prints.</summary>
internal static class ExplainJson
{
    internal static string Of(TokenPass pass) => JsonText.Of(json =>
    {
        json.WriteStartObject();
        json.WriteString("model", pass.ModelName);
        json.WriteString("profile", pass.Model.Precision.ToString().ToLowerInvariant());
        json.WriteNumber("position", pass.Position);
        json.WriteStartObject("token");
        WriteToken(json, pass, pass.Ids[pass.Position]);
        json.WriteEndObject();
        WriteTop(json, pass, "next", pass.Next);
        json.WriteStartArray("stages");
        for (int layer = -1; layer <= pass.Model.Config.NumHiddenLayers; layer++)
        {
            foreach (Stage stage in pass.StagesOf(layer))
                WriteStage(json, pass, stage, layer == pass.Model.Config.NumHiddenLayers ? -1 : layer);
        }
        json.WriteEndArray();
        json.WriteEndObject();
    });

    private static void WriteStage(Utf8JsonWriter json, TokenPass pass, Stage stage, int layer)
    {
        StageNote note = StageNote.Of(stage, pass.Model.Config);
        json.WriteStartObject();
        json.WriteString("stage", StageNames.Of(stage, layer));
        if (layer >= 0)
            json.WriteNumber("layer", layer);
        json.WriteStartArray("shape");
        int[] sizes = StageNote.ShapeOf(stage, pass.Model.Config).Sizes;
        foreach (int size in sizes)
            json.WriteNumberValue(size);
        json.WriteEndArray();
        json.WriteString("formula", note.Formula);
        json.WriteStartArray("source");
        foreach (SourcePlace place in note.Code)
        {
            (int line, string code) = place.Find();
            json.WriteStartObject();
            json.WriteString("file", place.File);
            json.WriteNumber("line", line);
            json.WriteString("code", code);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        if (stage == Stage.Experts)
            WriteExperts(json, pass, layer);
        else
            WriteValues(json, pass.Values[(stage, layer)], sizes);
        if (stage == Stage.Heads)
            WriteHeads(json, pass, layer);
        if (pass.LensOf(stage, layer) is { } lens)
            WriteTop(json, pass, "lens", lens.Top);
        json.WriteEndObject();
    }

    private static void WriteValues(Utf8JsonWriter json, float[] values, int[] sizes)
    {
        ValueSummary summary = ValueSummary.Of(values, sizes);
        json.WriteStartArray("first");
        foreach (float value in summary.First)
            json.WriteFiniteValue(value);
        json.WriteEndArray();
        json.WritePropertyName("rms");
        json.WriteFiniteValue(summary.Rms);
        json.WriteStartObject("largest");
        json.WriteStartArray("index");
        foreach (int index in summary.LargestAt)
            json.WriteNumberValue(index);
        json.WriteEndArray();
        json.WritePropertyName("value");
        json.WriteFiniteValue(summary.Largest);
        json.WriteEndObject();
    }

    private static void WriteExperts(Utf8JsonWriter json, TokenPass pass, int layer)
    {
        json.WriteStartArray("experts");
        for (int rank = 0; rank < pass.Chosen[layer].Length; rank++)
        {
            int expert = pass.Chosen[layer][rank];
            json.WriteStartObject();
            json.WriteNumber("expert", expert);
            json.WritePropertyName("logit");
            json.WriteFiniteValue(pass.Values[(Stage.Router, layer)][expert]);
            json.WritePropertyName("weight");
            json.WriteFiniteValue(pass.Values[(Stage.ExpertWeights, layer)][rank]);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        if (pass.RunnerUp(layer) is not var (runnerUp, logit, margin))
            return;
        json.WriteStartObject("runner_up");
        json.WriteNumber("expert", runnerUp);
        json.WritePropertyName("logit");
        json.WriteFiniteValue(logit);
        json.WritePropertyName("margin");
        json.WriteFiniteValue(margin);
        json.WriteEndObject();
    }

    private static void WriteHeads(Utf8JsonWriter json, TokenPass pass, int layer)
    {
        json.WriteStartArray("heads");
        foreach (HeadShares shares in pass.Heads[layer])
        {
            json.WriteStartObject();
            json.WriteNumber("keys", shares.Keys);
            json.WritePropertyName("sink");
            json.WriteFiniteValue(shares.Sink);
            json.WriteStartArray("top");
            foreach ((int position, float share) in shares.Top)
            {
                json.WriteStartObject();
                json.WriteNumber("position", position);
                WriteToken(json, pass, pass.Ids[position]);
                json.WritePropertyName("share");
                json.WriteFiniteValue(share);
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    private static void WriteTop(Utf8JsonWriter json, TokenPass pass, string name, IReadOnlyList<TokenLogProbability> top)
    {
        json.WriteStartArray(name);
        foreach (TokenLogProbability token in top)
        {
            json.WriteStartObject();
            WriteToken(json, pass, token.Id);
            json.WriteNumber("probability", Math.Exp(token.LogProbability));
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    private static void WriteToken(Utf8JsonWriter json, TokenPass pass, int id)
    {
        json.WriteNumber("id", id);
        if (pass.Tokenizer is { } tokenizer)
            json.WriteString("token", tokenizer.Decode([id]));
    }

    // JSON has no infinity and no NaN.
}
