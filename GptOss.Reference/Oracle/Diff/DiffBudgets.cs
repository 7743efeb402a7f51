using GptOss.Reference.Checkpoints;
using GptOss.Reference.Model;
using GptOss.Reference.Numerics;

namespace GptOss.Reference.Oracle;

/// <summary>The budgets of one comparison: those of a profile, for a model whose numbers may be unknown.</summary>
/// <remarks>
/// A kind that the profile gives no budget is held to that of the logits, where rounding has had the longest way to add up; embedding, which is never computed,
/// to none at all. Measured, the reference in bfloat16 against itself in float32 on trained weights (tiny-trace), near ties left out: 0.079 in heads, 0.052 in the
/// residual stream, 0.019 in the logits themselves, where the budget is 0.14. On random weights some stages lie over it (0.22, heads of shape-base).
/// </remarks>
internal sealed class DiffBudgets
{
    private readonly StageBudgets _budgets;
    private readonly GptOssConfig _config;
    private readonly RotaryTable _rotary;

    /// <param name="budgets">Published, of a pack, or of a file.</param>
    /// <param name="precision">Which of them.</param>
    /// <param name="config">The model's numbers; null takes the released ones, with as many layers as the stages show.</param>
    /// <param name="stages">The stages there are.</param>
    /// <param name="notes">Receives what was assumed.</param>
    internal DiffBudgets(Budgets budgets, Precision precision, GptOssConfig? config, IEnumerable<StageKey> stages, List<string> notes)
    {
        _budgets = budgets.Of(precision);
        if (config is null)
        {
            int layers = stages.Max(key => key.Layer) + 1;
            config = PublishedShapes.Gpt20b with { NumHiddenLayers = layers > 0 ? layers : PublishedShapes.Gpt20b.NumHiddenLayers };
            notes.Add($"No manifest says which model this is; budgets are those of {config.NumHiddenLayers} layers. --model names a checkpoint.");
        }
        _config = config;
        _rotary = new(config.HeadDim, config.RopeTheta, config.RopeScalingFactor, config.InitialContextLength, config.RopeNtkAlpha, config.RopeNtkBeta);
    }

    /// <summary>The budget of a stage by position, experts by their router's; null where it has none.</summary>
    internal Func<int, double>? Of(StageKey key)
    {
        StageKey judge = key.IsExperts ? key with { Stage = Stage.Router } : key;
        if (!_budgets.Has(judge.Stage))
        {
            if (judge.Stage == Stage.Embedding)
                return _ => 0;
            judge = new(Stage.Logits, -1);
        }
        return _budgets.Has(judge.Stage) ? position => _budgets.Of(judge, position, _rotary, _config) : null;
    }

    /// <summary>Orders stages as the model computes them.</summary>
    internal static (int, int) ForwardOrder(StageKey key) => key.Stage switch
    {
        Stage.Embedding => (-1, 0),
        Stage.Norm => (int.MaxValue, 0),
        Stage.Logits => (int.MaxValue, 1),
        _ => (key.Layer, (int)key.Stage),
    };
}
