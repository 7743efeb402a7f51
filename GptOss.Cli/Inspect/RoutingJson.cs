using System.Text.Json;
using GptOss.Reference.Ground;
using GptOss.Reference.Oracle.Routing;

namespace GptOss.Cli.Inspect;

/// <summary>The object that <c>inspect --routing --json</c> prints.</summary>
internal static class RoutingJson
{
    internal static string Of(RoutingReport report) => JsonText.Of(json =>
    {
        json.WriteStartObject();
        json.WriteString("model", report.Model);
        json.WriteString("profile", report.Profile);
        json.WriteNumber("tokens", report.Statistics.Tokens);
        json.WriteNumber("experts", report.Config.NumExperts);
        json.WriteNumber("experts_per_token", report.Config.ExpertsPerToken);
        json.WriteStartArray("layers");
        foreach (LayerRouting layer in report.Statistics.Layers)
            WriteLayer(json, layer, report);
        json.WriteEndArray();

        json.WriteNumber("surprise_of_chance", report.Statistics.SurpriseOfChance);
        json.WriteNumber("surprising_pairs", report.Surprising.Count);
        json.WriteStartArray("pairs");
        foreach (ExpertPair pair in report.Surprising.Take(RoutingReport.MostListed))
        {
            json.WriteStartObject();
            json.WriteNumber("layer", pair.Layer);
            WriteNumbers(json, "experts", [pair.A, pair.B]);
            json.WriteNumber("together", pair.Together);
            json.WriteNumber("expected", pair.Expected);
            json.WriteNumber("surprise", pair.Surprise);
            json.WriteEndObject();
        }
        json.WriteEndArray();

        json.WriteNumber("near_ties", report.AllNearTies);
        json.WriteNumber("near_tie_share", RoutingReport.Share(report.AllNearTies, report.Statistics.Choices));
        json.WriteStartArray("closest");
        foreach (CloseChoice choice in report.Closest)
        {
            json.WriteStartObject();
            json.WriteNumber("layer", choice.Layer);
            json.WriteNumber("position", choice.Position);
            json.WriteNumber("id", choice.Id);
            json.WriteString("token", report.TokenText(choice.Id));
            json.WriteNumber("chosen", choice.Chosen);
            json.WriteNumber("next", choice.RunnerUp);
            json.WriteFinite("margin", choice.Margin);
            json.WriteFinite("relative", choice.Relative);
            json.WriteFinite("budget", choice.Budget);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    });

    private static void WriteLayer(Utf8JsonWriter json, LayerRouting layer, RoutingReport report)
    {
        json.WriteStartObject();
        json.WriteNumber("layer", layer.Layer);
        WriteNumbers(json, "counts", layer.Counts);
        json.WriteNumber("effective_experts", layer.EffectiveExperts);
        json.WriteNumber("coefficient_of_variation", layer.CoefficientOfVariation);
        json.WriteNumber("unused", layer.Unused);
        json.WriteStartArray("together");              // row a: with a + 1, a + 2, …
        for (int a = 0; a + 1 < layer.Counts.Count; a++)
        {
            json.WriteStartArray();
            for (int b = a + 1; b < layer.Counts.Count; b++)
                json.WriteNumberValue(layer.Together(a, b));
            json.WriteEndArray();
        }
        json.WriteEndArray();
        json.WriteNumber("near_ties", report.NearTies[layer.Layer]);
        json.WriteFinite("router_rms", layer.RouterRootMeanSquare);
        WriteNumbers(json, "margins_by_decade", report.Margins[layer.Layer]);
        json.WriteEndObject();
    }

    private static void WriteNumbers(Utf8JsonWriter json, string name, IEnumerable<int> numbers)
    {
        json.WriteStartArray(name);
        foreach (int number in numbers)
            json.WriteNumberValue(number);
        json.WriteEndArray();
    }

    // JSON has no infinity.
}
