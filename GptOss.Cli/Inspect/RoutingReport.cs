using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Oracle.Routing;
using GptOss.Reference.Tokens;

namespace GptOss.Cli.Inspect;

/// <summary>What <c>inspect --routing</c> found, computed once for the table, the object and the page.</summary>
internal sealed class RoutingReport
{
    /// <summary>How many pairs and how many close choices are listed.</summary>
    internal const int MostListed = 20;

    /// <summary>Upper ends of the classes of margins; the last class has none.</summary>
    internal static readonly double[] MarginSteps = [1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1];

    private readonly Tokenizer _tokenizer;

    internal RoutingReport(string model, GptOssConfig config, Precision precision, RoutingStatistics statistics, Tokenizer tokenizer)
    {
        (Model, Config, Precision, Statistics, _tokenizer) = (model, config, precision, statistics, tokenizer);
        NearTies = [.. statistics.Layers.Select(layer => layer.NearTies)];
        Margins = [.. statistics.Layers.Select(MarginCounts)];
        Pairs = [.. statistics.Layers.Select(layer => layer.Pairs())];
        Surprising = [.. Pairs.SelectMany(pairs => pairs).Where(pair => pair.Surprise > statistics.SurpriseOfChance)
            .OrderByDescending(pair => pair.Surprise)];
        Closest = statistics.Closest(MostListed);
    }

    internal string Model { get; }

    internal GptOssConfig Config { get; }

    internal Precision Precision { get; }

    internal RoutingStatistics Statistics { get; }

    /// <summary>By layer.</summary>
    internal IReadOnlyList<int> NearTies { get; }

    /// <summary>By layer: choices by the size of their margin, one class more than there are steps.</summary>
    internal IReadOnlyList<int[]> Margins { get; }

    /// <summary>By layer.</summary>
    internal IReadOnlyList<IReadOnlyList<ExpertPair>> Pairs { get; }

    /// <summary>Pairs that occur together more often than chance explains, the most surprising first.</summary>
    internal IReadOnlyList<ExpertPair> Surprising { get; }

    internal IReadOnlyList<CloseChoice> Closest { get; }

    internal long AllNearTies => NearTies.Sum(count => (long)count);

    internal string Profile => Precision.Name();

    internal string TokenText(int id) => _tokenizer.Decode([id]);

    /// <summary>A share; 0 of nothing.</summary>
    internal static double Share(long part, long whole) => whole == 0 ? 0 : (double)part / whole;

    private static int[] MarginCounts(LayerRouting layer)
    {
        int[] counts = new int[MarginSteps.Length + 1];
        foreach (double margin in layer.RelativeMargins())
        {
            int step = Array.FindIndex(MarginSteps, end => margin < end);
            if (!double.IsNaN(margin))
                counts[step < 0 ? MarginSteps.Length : step]++;
        }
        return counts;
    }
}
