using GptOss.Reference.Checkpoints.Configuration;

namespace GptOss.Reference.Oracle.Routing;

/// <summary>How one layer uses its experts.</summary>
public sealed class LayerRouting
{
    private const int MostClosest = 32;

    private readonly Func<int, int, double> _budget;
    private readonly int _experts, _perToken;
    private readonly int[] _counts, _together;
    private readonly List<float> _margins = [];
    private readonly PriorityQueue<CloseChoice, double> _closest = new();
    private double _squares;

    /// <summary>Statistics without a token.</summary>
    /// <param name="layer">0-based.</param>
    /// <param name="config">The model's numbers.</param>
    /// <param name="budget">The router's budget by layer and position.</param>
    internal LayerRouting(int layer, GptOssConfig config, Func<int, int, double> budget)
    {
        (Layer, _budget, _experts, _perToken) = (layer, budget, config.NumExperts, config.ExpertsPerToken);
        _counts = new int[_experts];
        _together = new int[checked(_experts * _experts)];
    }

    /// <summary>0-based layer.</summary>
    public int Layer { get; }

    /// <summary>How many tokens chose each expert, [experts].</summary>
    public IReadOnlyList<int> Counts => _counts;

    /// <summary>Experts that no token chose.</summary>
    public int Unused => _counts.Count(count => count == 0);

    /// <summary>e^H of the shares: as many evenly used experts would be as surprising. The number of experts where all are used alike.</summary>
    public double EffectiveExperts
    {
        get
        {
            double entropy = 0;
            for (int expert = 0; expert < _experts; expert++)
                entropy -= Share(expert) is > 0 and double share ? share * Math.Log(share) : 0;
            return Math.Exp(entropy);
        }
    }

    /// <summary>Standard deviation of the counts over their mean: 0 where all experts are used alike.</summary>
    public double CoefficientOfVariation
    {
        get
        {
            double squares = 0;
            for (int expert = 0; expert < _experts; expert++)
                squares += Math.Pow(Load(expert) - 1, 2);
            return Math.Sqrt(squares / _experts);
        }
    }

    /// <summary>Root mean square of all router logits of the layer, against which margins are measured.</summary>
    public double RouterRootMeanSquare => _margins.Count == 0 ? 0 : Math.Sqrt(_squares / _margins.Count);

    /// <summary>Choices whose margin is below the router's budget.</summary>
    public int NearTies => RelativeMargins().Where((margin, position) => margin < _budget(Layer, position)).Count();

    /// <summary>The choices with the smallest margins, closest first; at most 32.</summary>
    public IEnumerable<CloseChoice> Closest => _closest.UnorderedItems.Select(item => item.Element)
        .Select(choice =>
            choice with { Relative = choice.Margin / RouterRootMeanSquare, Budgets = Math.Abs(choice.Margin) / RouterRootMeanSquare / choice.Budget })
        .OrderBy(choice => choice.Budgets).ThenBy(choice => choice.Position);

    /// <summary>The share of all choices that fell on an expert; all sum to 1.</summary>
    public double Share(int expert) => _margins.Count == 0 ? 0 : (double)_counts[expert] / ((long)_margins.Count * _perToken);

    /// <summary>The share of an expert over that of even use: 1 is even.</summary>
    public double Load(int expert) => Share(expert) * _experts;

    /// <summary>Tokens that chose both experts.</summary>
    public int Together(int a, int b) => a == b ? _counts[a] : _together[Math.Min(a, b) * _experts + Math.Max(a, b)];

    /// <summary>Size of each margin over <see cref="RouterRootMeanSquare"/>, by position; NaN where every expert is chosen.</summary>
    public IEnumerable<double> RelativeMargins()
    {
        double rms = RouterRootMeanSquare;
        return _margins.Select(margin => Math.Abs(margin) / rms);
    }

    /// <summary>Every pair of experts with how often it occurred and how often it would by chance, ascending.</summary>
    public IReadOnlyList<ExpertPair> Pairs()
    {
        double[] chosen = [.. _counts.Select(count => _margins.Count == 0 ? 0 : (double)count / _margins.Count)];
        double[] chance = PairChance.Of(chosen, _perToken);
        var pairs = new List<ExpertPair>(_experts * (_experts - 1) / 2);
        for (int a = 0; a < _experts; a++)
        {
            for (int b = a + 1; b < _experts; b++)
                pairs.Add(new(Layer, a, b, Together(a, b), _margins.Count * chance[a * _experts + b]));
        }
        return pairs;
    }

    internal void Add(RoutedToken token)
    {
        ReadOnlySpan<int> experts = token.Experts(Layer);
        for (int i = 0; i < experts.Length; i++)
        {
            _counts[experts[i]]++;
            for (int j = i + 1; j < experts.Length; j++)
                _together[Math.Min(experts[i], experts[j]) * _experts + Math.Max(experts[i], experts[j])]++;
        }
        float margin = token.Margin(Layer);
        _margins.Add(margin);
        _squares += token.RouterMeanSquare(Layer);
        if (float.IsNaN(margin))
            return;
        double budget = _budget(Layer, token.Position);
        // Largest first, so that the one to drop is at hand. The layer's root mean square is the same for all and not known yet.
        var choice = new CloseChoice(Layer, token.Position, token.Id, experts[^1], token.RunnerUp(Layer), margin, budget);
        if (_closest.Count < MostClosest)
            _closest.Enqueue(choice, -Math.Abs(margin) / budget);
        else
            _closest.EnqueueDequeue(choice, -Math.Abs(margin) / budget);
    }
}

/// <summary>A choice by a small margin.</summary>
/// <param name="Layer">0-based layer.</param>
/// <param name="Position">0-based position.</param>
/// <param name="Id">The token there.</param>
/// <param name="Chosen">The last expert that was chosen.</param>
/// <param name="RunnerUp">The first that was not.</param>
/// <param name="Margin">Router logit of the one minus that of the other; negative where a replay chose.</param>
/// <param name="Budget">The router's budget there, over the root mean square of its logits.</param>
public sealed record CloseChoice(int Layer, int Position, int Id, int Chosen, int RunnerUp, float Margin, double Budget)
{
    /// <summary>The margin over the root mean square of the layer's router logits.</summary>
    public double Relative { get; init; }

    /// <summary>Its size in budgets: below 1 it is a near-tie, which may fall either way in an implementation that is right.</summary>
    public double Budgets { get; init; }
}

/// <summary>Two experts of a layer.</summary>
/// <param name="Layer">0-based layer.</param>
/// <param name="A">The one with the lower number.</param>
/// <param name="B">The other.</param>
/// <param name="Together">Tokens that chose both.</param>
/// <param name="Expected">Tokens that would have by chance: see <see cref="PairChance"/>.</param>
public readonly record struct ExpertPair(int Layer, int A, int B, int Together, double Expected)
{
    /// <summary>Together over expected: 1 is what chance gives. NaN where neither occurs.</summary>
    public double Ratio => Together / Expected;

    /// <summary>
    /// How surprising the difference is, in standard deviations: ±√(2 (n ln(n / e) − n + e)), the signed root of the Poisson deviance of n
    /// occurrences where e were expected. Unlike (n − e) / √e it does not overreact to one occurrence of something rare.
    /// </summary>
    public double Surprise
    {
        get
        {
            double deviance = 2 * ((Together == 0 ? 0 : Together * Math.Log(Ratio)) - Together + Expected);
            return Math.CopySign(Math.Sqrt(Math.Max(deviance, 0)), Together - Expected);
        }
    }
}
