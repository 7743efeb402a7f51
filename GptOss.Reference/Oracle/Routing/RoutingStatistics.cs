using GptOss.Reference.Model;
using GptOss.Reference.Model.Stages;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Oracle.Stages;

namespace GptOss.Reference.Oracle.Routing;

/// <summary>
/// How a model uses its experts over a text: load, which of them occur together, and choices so close that rounding may decide them.
/// </summary>
/// <remarks>
/// Counts as tokens come. Of each token four bytes a layer are kept, its margin: whether it is a near-tie is known when the last one has come.
/// </remarks>
public sealed class RoutingStatistics
{
    private readonly Transformer _model;
    private readonly LayerRouting[] _layers;

    /// <summary>Statistics without a token.</summary>
    /// <param name="model">The model that will run.</param>
    public RoutingStatistics(Transformer model)
    {
        ArgumentNullException.ThrowIfNull(model);
        _model = model;
        _layers = [.. Enumerable.Range(0, model.Config.NumHiddenLayers).Select(layer => new LayerRouting(layer, model.Config, Budget))];
    }

    /// <summary>Tokens so far.</summary>
    public int Tokens { get; private set; }

    /// <summary>Choices so far, one a token and layer.</summary>
    public long Choices => (long)Tokens * _layers.Length;

    /// <summary>The layers.</summary>
    public IReadOnlyList<LayerRouting> Layers => _layers;

    /// <summary>Choices whose margin is below the router's budget.</summary>
    public long NearTies => _layers.Sum(layer => (long)layer.NearTies);

    /// <summary>
    /// The z below which the most surprising of all pairs stays when chance alone decides: √(2 ln n) for n pairs of any layer, which bounds the
    /// largest of n normal values in the mean. Neighbouring tokens are alike, so a z above it is a hint, not a proof.
    /// </summary>
    public double SurpriseOfChance
    {
        get
        {
            double experts = _model.Config.NumExperts, pairs = _layers.Length * experts * (experts - 1) / 2;
            return Math.Sqrt(2 * Math.Log(Math.Max(pairs, 2)));
        }
    }

    /// <summary>Counts a token; of one sequence, from position 0 on.</summary>
    public void Add(RoutedToken token)
    {
        ArgumentNullException.ThrowIfNull(token);
        foreach (LayerRouting layer in _layers)
            layer.Add(token);
        Tokens++;
    }

    /// <summary>The closest choices of all layers, by how many budgets their margin takes.</summary>
    public IReadOnlyList<CloseChoice> Closest(int most) =>
        [.. _layers.SelectMany(layer => layer.Closest).OrderBy(choice => choice.Budgets).Take(most)];

    /// <summary>The router's budget at a position: how far its logits may lie from the reference, over their root mean square.</summary>
    private double Budget(int layer, int position)
    {
        StageBudgets budgets = _model.Precision == Precision.Bfloat16 ? Budgets.Published.Bfloat16Blocks : Budgets.Published.Of(_model.Precision);
        return budgets.Of(new(Stage.Router, layer), position, _model.Rotary, _model.Config);
    }
}
