using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Model.Stages;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Numerics.RowKernels;
using GptOss.Reference.Oracle.Stages;

namespace GptOss.Reference.Oracle.Diff;

/// <summary>The budgets of one comparison: those of a profile, for a model whose numbers may be unknown.</summary>
/// <remarks>
/// A kind without a budget in bfloat16 is held to that of the logits, where rounding has added up longest, times the ratio of the two kinds'
/// float32 budgets: 0.14 · 3 for heads, 0.14 · 4 for SwiGLU, 0.14 for other stages. Embedding is never computed and has none.
/// Measured, the reference in bfloat16 against itself in float32 on trained weights (tiny-trace), near ties left out: 0.08 in heads, 0.27 in SwiGLU,
/// 0.064 in queries and less elsewhere.
/// </remarks>
internal sealed class DiffBudgets
{
    private readonly StageBudgets _budgets, _float32;
    private readonly GptOssConfig _config;
    private readonly RotaryTable _rotary;

    /// <param name="budgets">Published, of a pack, or of a file.</param>
    /// <param name="precision">Which of them.</param>
    /// <param name="config">The model's numbers; null takes the released ones, with as many layers as the stages show.</param>
    /// <param name="stages">The stages there are.</param>
    /// <param name="notes">Receives what was assumed.</param>
    internal DiffBudgets(Budgets budgets, Precision precision, GptOssConfig? config, IEnumerable<StageKey> stages, List<string> notes)
    {
        (_budgets, _float32) = (budgets.Of(precision), budgets.Float32);
        if (config is null)
        {
            int layers = stages.Max(key => key.Layer) + 1;
            config = PublishedShapes.Gpt20b with { NumHiddenLayers = layers > 0 ? layers : PublishedShapes.Gpt20b.NumHiddenLayers };
            notes.Add($"No manifest says which model this is; budgets are those of {config.NumHiddenLayers} layers. --model names a checkpoint.");
        }
        _config = config;
        _rotary = new(config.HeadDim, config.RopeTheta, config.RopeScalingFactor, config.InitialContextLength, config.RopeNtkAlpha,
            config.RopeNtkBeta);
    }

    /// <summary>The budget of a stage by position, experts by their router's; null where it has none.</summary>
    internal Func<int, double>? Of(StageKey key)
    {
        StageKey judge = key.IsExperts ? key with { Stage = Stage.Router } : key;
        if (_budgets.Has(judge.Stage))
            return position => _budgets.Of(judge, position, _rotary, _config);
        if (judge.Stage == Stage.Embedding)
            return _ => 0;
        StageKey logits = new(Stage.Logits, -1);
        if (!_budgets.Has(logits.Stage))
            return null;
        double times = _float32.Stages[logits.Stage].B is > 0 and var b ? _float32.Stages[judge.Stage].B / b : 1;
        return position => times * _budgets.Of(logits, position, _rotary, _config);
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
