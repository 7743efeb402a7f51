using System.Globalization;
using GptOss.Cli.Options;
using GptOss.Cli.Output;
using GptOss.Reference.Oracle.Routing;

namespace GptOss.Cli.Inspect;

/// <summary>The report of <c>inspect --routing</c> as tables for a terminal.</summary>
internal static class RoutingText
{
    private const int MostListed = 10;

    internal static void Write(RoutingReport report, TextWriter to)
    {
        to.WriteLine(Title(report));
        to.WriteLine();
        to.WriteLine("Load");
        to.WriteLine(Text.Table(
        [
            ["  layer", "effective experts", "variation", "busiest", "share", "idlest", "share", "unused", "near-ties", "closest"],
            .. report.Statistics.Layers.Select(layer => Row(layer, report.NearTies[layer.Layer])),
        ], 0, 1, 2, 3, 4, 5, 6, 7, 8, 9));

        long pairs = report.Pairs.Sum(layer => (long)layer.Count);
        to.WriteLine($"Pairs that occur together more often than chance explains: {report.Surprising.Count:N0} of {pairs:N0}");
        if (report.Surprising.Count > 0)
        {
            to.WriteLine(Text.Table(
            [
                ["  layer", "experts", "together", "by chance", "ratio", "surprise"],
                .. report.Surprising.Take(MostListed).Select(pair => new[]
                {
                    $"  {pair.Layer}", $"{pair.A} {pair.B}", S($"{pair.Together:N0}"), S($"{pair.Expected:N1}"), S($"{pair.Ratio:F2}"),
                    S($"{pair.Surprise:F1}"),
                }),
            ], 0, 1, 2, 3, 4, 5).TrimEnd('\n'));
        }
        to.WriteLine();
        long choices = report.Statistics.Choices;
        to.WriteLine(S($"Near-ties, within the router's ") +
            S($"budget: {report.AllNearTies:N0} of {choices:N0} choices ({100 * RoutingReport.Share(report.AllNearTies, choices):F3} %)"));
        if (report.Closest.Count == 0)
            return;
        to.Write(Text.Table(
        [
            ["  budgets", "margin/rms", "layer", "position", "chosen", "next", "token"],
            .. report.Closest.Take(MostListed).Select(choice => new[]
            {
                "  " + Short(choice.Budgets), Short(choice.Relative), S($"{choice.Layer}"), S($"{choice.Position}"), S($"{choice.Chosen}"),
                S($"{choice.RunnerUp}"),
                TextInput.Quoted(report.TokenText(choice.Id)),
            }),
        ], 0, 1, 2, 3, 4, 5));
    }

    /// <summary>tiny-gpt-oss: 24 tokens through 6 layers of 8 experts, 4 for each token, float32.</summary>
    internal static string Title(RoutingReport report) => string.Create(CultureInfo.InvariantCulture,
        $"{report.Model}: {report.Statistics.Tokens:N0} tokens through {report.Config.NumHiddenLayers} layers of {report.Config.NumExperts} experts, "
        + $"{report.Config.ExpertsPerToken} for each token, {report.Profile}");

    /// <summary>Three digits, whatever the size: 0.0127, 2.66e-6, 3.66e3.</summary>
    internal static string Short(double value) =>
        value.ToString(Math.Abs(value) is 0 or (>= 1e-3 and < 999.5) ? "G3" : "0.##e-0", CultureInfo.InvariantCulture);

    /// <summary>The experts with the highest and the lowest count.</summary>
    internal static (int Busiest, int Idlest) Ends(LayerRouting layer)
    {
        int[] order = [.. Enumerable.Range(0, layer.Counts.Count).OrderByDescending(expert => layer.Counts[expert])];
        return (order[0], order[^1]);
    }

    private static string[] Row(LayerRouting layer, int nearTies)
    {
        (int busiest, int idlest) = Ends(layer);
        return
        [
            $"  {layer.Layer}", S($"{layer.EffectiveExperts:F1}"), S($"{layer.CoefficientOfVariation:F2}"),
            $"{busiest}", S($"{100 * layer.Share(busiest):F1} %"), $"{idlest}", S($"{100 * layer.Share(idlest):F1} %"),
            $"{layer.Unused}", S($"{nearTies:N0}"), layer.Closest.FirstOrDefault() is { } closest ? Short(closest.Relative) : "",
        ];
    }

    private static string S(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
