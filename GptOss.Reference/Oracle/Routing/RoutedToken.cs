using GptOss.Reference.Numerics.RowKernels;

namespace GptOss.Reference.Oracle.Routing;

/// <summary>What the routers of all layers chose for one token.</summary>
/// <remarks>Whoever is handed one reads it during the call: the next token is written over it.</remarks>
public sealed class RoutedToken
{
    private readonly int[] _experts, _runnersUp;
    private readonly float[] _weights, _margins;
    private readonly double[] _meanSquares;

    internal RoutedToken(int layers, int expertsPerToken)
    {
        (Layers, ExpertsPerToken) = (layers, expertsPerToken);
        (_experts, _weights) = (new int[layers * expertsPerToken], new float[layers * expertsPerToken]);
        (_margins, _runnersUp, _meanSquares) = (new float[layers], new int[layers], new double[layers]);
    }

    /// <summary>Position in the sequence, 0-based.</summary>
    public int Position { get; internal set; }

    /// <summary>The token's id.</summary>
    public int Id { get; internal set; }

    /// <summary>Layers.</summary>
    public int Layers { get; }

    /// <summary>Experts of each layer, k.</summary>
    public int ExpertsPerToken { get; }

    /// <summary>The experts of a layer, best first, [k].</summary>
    public ReadOnlySpan<int> Experts(int layer) => _experts.AsSpan(layer * ExpertsPerToken, ExpertsPerToken);

    /// <summary>Their weights, which sum to one, [k].</summary>
    public ReadOnlySpan<float> Weights(int layer) => _weights.AsSpan(layer * ExpertsPerToken, ExpertsPerToken);

    /// <summary>
    /// The lowest router logit that was chosen minus the highest that was not: of four, the margin to the fifth. Negative where a replay forces
    /// experts that the router would not choose; NaN where every expert is chosen.
    /// </summary>
    public float Margin(int layer) => _margins[layer];

    /// <summary>The best expert that was not chosen, which has the place at the other side of the margin; −1 where every expert is chosen.</summary>
    public int RunnerUp(int layer) => _runnersUp[layer];

    /// <summary>Mean of the squared router logits, in double: margins are measured against its root.</summary>
    public double RouterMeanSquare(int layer) => _meanSquares[layer];

    internal void SetWeights(int layer, ReadOnlySpan<float> weights) => weights.CopyTo(_weights.AsSpan(layer * ExpertsPerToken));

    internal void SetChoice(int layer, ReadOnlySpan<float> router, ReadOnlySpan<int> experts)
    {
        experts.CopyTo(_experts.AsSpan(layer * ExpertsPerToken));
        int runnerUp = -1;
        double squares = 0;
        for (int expert = 0; expert < router.Length; expert++)
        {
            squares += (double)router[expert] * router[expert];
            if (!experts.Contains(expert) && (runnerUp < 0 || Router.IsAbove(router[expert], router[runnerUp])))
                runnerUp = expert;
        }
        _runnersUp[layer] = runnerUp;
        _margins[layer] = runnerUp < 0 ? float.NaN : router[experts[^1]] - router[runnerUp];
        _meanSquares[layer] = squares / router.Length;
    }
}
