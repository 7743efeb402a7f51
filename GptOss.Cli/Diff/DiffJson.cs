using System.Globalization;
using System.Text.Json;
using GptOss.Reference.Ground;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Oracle.Diff;

namespace GptOss.Cli.Diff;

/// <summary>The object that <c>diff --json</c> prints. JSON has no infinity: NaN and infinities are null.</summary>
internal static class DiffJson
{
    internal static string Of(TraceDifference difference) => JsonText.Of(json =>
    {
        json.WriteStartObject();
        json.WriteBoolean("identical", difference.IsIdentical);
        WritePlace(json, "first_difference", difference.FirstDifference);
        WritePlace(json, "first_over_budget", difference.FirstOverBudget);
        if (difference.Prompts is { } prompts)
        {
            json.WriteStartObject("different_prompts");
            json.WriteNumber("position", prompts.Position);
            json.WriteNumber("a", prompts.Reference);
            json.WriteNumber("b", prompts.Candidate);
            json.WriteEndObject();
        }
        json.WriteStartArray("readings");
        foreach (string reading in difference.Readings)
            json.WriteStringValue(reading);
        json.WriteEndArray();
        json.WriteString("profile", difference.Precision.Name());
        json.WriteStartArray("stages");
        foreach (StageDifference stage in difference.Stages)
            WriteStage(json, stage);
        json.WriteEndArray();
        json.WriteStartArray("not_compared");
        foreach (NotCompared not in difference.NotCompared)
            json.WriteStringValue(not.Name);
        json.WriteEndArray();
        json.WriteStartArray("not_compared_reasons");
        foreach (NotCompared not in difference.NotCompared)
            json.WriteStringValue($"{not.Name}: {not.Reason}");
        json.WriteEndArray();
        json.WriteStartArray("notes");
        foreach (string note in difference.Notes)
            json.WriteStringValue(note);
        json.WriteEndArray();
        json.WriteEndObject();
    });

    private static void WriteStage(Utf8JsonWriter json, StageDifference stage)
    {
        json.WriteStartObject();
        json.WriteString("stage", stage.Stage);
        json.WriteFinite("max", stage.Max);
        json.WriteFinite("rms", stage.Rms);
        json.WriteFinite("relative", stage.Relative);
        json.WriteStartObject("ulp");
        WriteHistogram(json, "float32", stage.Float32Ulps);
        WriteHistogram(json, "bfloat16", stage.Bfloat16Ulps);
        json.WriteEndObject();
        json.WriteBoolean("over_budget", stage.IsOverBudget);
        json.WriteFinite("budget", stage.Budget);
        json.WriteBoolean("identical", stage.FirstDifference is null);
        json.WriteFinite("cosine", stage.Cosine);
        json.WriteNumber("rows", stage.Rows);
        WritePlace(json, "first_difference", stage.FirstDifference);
        WritePlace(json, "first_over_budget", stage.FirstOverBudget);
        if (stage.NearTies.Count > 0)
        {
            json.WriteStartArray("near_tie");
            foreach (int position in stage.NearTies)
                json.WriteNumberValue(position);
            json.WriteEndArray();
        }
        if (stage.Agreement is { } agreement)
        {
            json.WriteFinite("kl_mean", agreement.MeanKl);
            json.WriteFinite("kl_max", agreement.LargestKl);
            json.WriteNumber("top1", agreement.Top1);
            json.WriteNumber("top5", agreement.Top5);
        }
        json.WriteStartArray("worst");
        foreach (DifferingElement element in stage.Worst)
        {
            json.WriteStartObject();
            WritePlaceMembers(json, element.Place);
            json.WriteString("meaning", element.Meaning);
            json.WriteFinite("a", element.Reference);
            json.WriteFinite("b", element.Candidate);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    }

    /// <summary>Counts by the largest distance of their bucket.</summary>
    private static void WriteHistogram(Utf8JsonWriter json, string name, UlpHistogram? histogram)
    {
        if (histogram is null)
            return;
        json.WriteStartObject(name);
        foreach ((long upTo, long count) in histogram.Counts)
            json.WriteNumber(upTo.ToString(CultureInfo.InvariantCulture), count);
        if (histogram.NotComparable > 0)
            json.WriteNumber("not_comparable", histogram.NotComparable);
        json.WriteEndObject();
    }

    private static void WritePlace(Utf8JsonWriter json, string name, TracePlace? place)
    {
        if (place is null)
        {
            json.WriteNull(name);
            return;
        }
        json.WriteStartObject(name);
        json.WriteString("stage", place.Stage);
        WritePlaceMembers(json, place);
        json.WriteEndObject();
    }

    private static void WritePlaceMembers(Utf8JsonWriter json, TracePlace place)
    {
        json.WriteNumber("position", place.Position);
        json.WriteStartArray("index");
        foreach (int index in place.Index)
            json.WriteNumberValue(index);
        json.WriteEndArray();
    }
}
