using System.Globalization;
using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Model.Stages;

namespace GptOss.Reference.Oracle.Stages;

/// <summary>One stage of one forward pass, by the names and shapes of the golden packs.</summary>
/// <param name="Stage">Which point of the forward pass.</param>
/// <param name="Layer">0-based layer; −1 outside the layers.</param>
public readonly record struct StageKey(Stage Stage, int Layer)
{
    private static readonly Stage[] InLayer =
    [
        Stage.AttentionNorm, Stage.Qkv, Stage.Query, Stage.Key, Stage.Heads, Stage.AttentionResidual,
        Stage.MlpNorm, Stage.Router, Stage.Experts, Stage.ExpertWeights, Stage.SwiGlu, Stage.MlpResidual,
    ];

    private static readonly Dictionary<string, Stage> ByKind = Enum.GetValues<Stage>().ToDictionary(KindOf);

    /// <summary>The name, such as <c>block.3.attn.qkv</c>.</summary>
    public string Name => StageNames.Of(Stage, Layer);

    /// <summary>Whether rows are expert numbers and not values.</summary>
    public bool IsExperts => Stage == Stage.Experts;

    /// <summary>Every stage of a model, in forward order.</summary>
    public static IEnumerable<StageKey> All(GptOssConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        yield return new(Stage.Embedding, -1);
        for (int layer = 0; layer < config.NumHiddenLayers; layer++)
        {
            foreach (Stage stage in InLayer)
                yield return new(stage, layer);
        }
        yield return new(Stage.Norm, -1);
        yield return new(Stage.Logits, -1);
    }

    /// <summary>Reads a name; false for what is not a stage of a model of <paramref name="layers"/> layers.</summary>
    public static bool TryParse(string name, int layers, out StageKey key)
    {
        ArgumentNullException.ThrowIfNull(name);
        key = name switch
        {
            "embedding" => new(Stage.Embedding, -1),
            "norm" => new(Stage.Norm, -1),
            "logits" => new(Stage.Logits, -1),
            _ => new(Stage.Embedding, int.MinValue),
        };
        if (key.Layer == -1)
            return true;
        string[] parts = name.Split('.', 3);
        if (parts.Length != 3 || parts[0] != "block" || !ByKind.TryGetValue(parts[2], out Stage stage) || !InLayer.Contains(stage)
            || !int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out int layer) || layer >= layers
            || parts[1] != layer.ToString(CultureInfo.InvariantCulture))
            return false;
        key = new(stage, layer);
        return true;
    }

    /// <summary>What a stage is called whatever its layer: <c>attn.qkv</c>, <c>logits</c>.</summary>
    internal static string KindOf(Stage stage) => StageNames.Of(stage, 0) is var name && name.StartsWith("block.0.", StringComparison.Ordinal) ? name["block.0.".Length..] : name;

    internal static bool TryParseKind(string kind, out Stage stage) => ByKind.TryGetValue(kind, out stage);

    /// <summary>The shape of one token's row: [heads, headDim] for rotated queries, for instance.</summary>
    public IReadOnlyList<long> RowShape(GptOssConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        return Stage switch
        {
            Stage.Qkv => [config.QuerySize + 2 * config.KeyValueSize],
            Stage.Query => [config.NumAttentionHeads, config.HeadDim],
            Stage.Key => [config.NumKeyValueHeads, config.HeadDim],
            Stage.Heads => [config.QuerySize],
            Stage.Router => [config.NumExperts],
            Stage.Experts or Stage.ExpertWeights => [config.ExpertsPerToken],
            Stage.SwiGlu => [config.ExpertsPerToken, config.IntermediateSize],
            Stage.Logits => [config.VocabSize],
            _ => [config.HiddenSize],
        };
    }

    /// <summary>Elements of one token's row.</summary>
    public int Width(GptOssConfig config)
    {
        int width = 1;
        foreach (long size in RowShape(config))
            width = checked(width * (int)size);
        return width;
    }

    /// <inheritdoc/>
    public override string ToString() => Name;
}
