using GptOss.Reference.Checkpoints.Storage;

namespace GptOss.Reference.Checkpoints.Configuration;

/// <summary>The inventory of a gpt-oss checkpoint in both dialects: the one place where their names meet.</summary>
/// <remarks>
/// The rest of the code says names of the original layout. Bytes are the same in both layouts, except that transformers stores the rows of
/// query, key and value as three tensors. Sources: <c>gpt_oss/torch/weights.py</c> and <c>model.py</c>; transformers,
/// <c>convert_gpt_oss_weights_to_hf.py</c>.
/// </remarks>
internal static class TensorNames
{
    /// <summary>[vocab, hidden] BF16.</summary>
    public const string Embedding = "embedding.weight";

    /// <summary>[hidden] BF16: gain of the last norm.</summary>
    public const string FinalNorm = "norm.scale";

    /// <summary>[vocab, hidden] BF16.</summary>
    public const string Unembedding = "unembedding.weight";

    private const DType Bf16 = DType.BF16;
    private const DType U8 = DType.U8;

    /// <summary>One line of the table: the original name, its names in the other dialect (three where split), dtype, and the shape of each.</summary>
    private sealed record Row(string Original, string[] HuggingFace, DType DType, Func<GptOssConfig, long[]> Shape,
        Func<GptOssConfig, long>[]? Split = null);

    private static readonly Func<GptOssConfig, long>[] QueryKeyValue = [Q, Kv, Kv];

    // Both dialects, in the order of the original file.
    private static readonly Row[] BeforeBlocks = [new(Embedding, ["model.embed_tokens.weight"], Bf16, c => [c.VocabSize, c.HiddenSize])];

    private static readonly Row[] InBlock =
    [
        new("attn.norm.scale", ["input_layernorm.weight"], Bf16, c => [c.HiddenSize]),
        new("attn.qkv.weight", ["self_attn.q_proj.weight", "self_attn.k_proj.weight", "self_attn.v_proj.weight"],
            Bf16, c => [Q(c) + 2 * Kv(c), c.HiddenSize], QueryKeyValue),
        new("attn.qkv.bias", ["self_attn.q_proj.bias", "self_attn.k_proj.bias", "self_attn.v_proj.bias"],
            Bf16, c => [Q(c) + 2 * Kv(c)], QueryKeyValue),
        new("attn.sinks", ["self_attn.sinks"], Bf16, c => [c.NumAttentionHeads]),
        new("attn.out.weight", ["self_attn.o_proj.weight"], Bf16, c => [c.HiddenSize, Q(c)]),
        new("attn.out.bias", ["self_attn.o_proj.bias"], Bf16, c => [c.HiddenSize]),
        new("mlp.norm.scale", ["post_attention_layernorm.weight"], Bf16, c => [c.HiddenSize]),
        new("mlp.gate.weight", ["mlp.router.weight"], Bf16, c => [c.NumExperts, c.HiddenSize]),
        new("mlp.gate.bias", ["mlp.router.bias"], Bf16, c => [c.NumExperts]),
        new("mlp.mlp1_weight.blocks", ["mlp.experts.gate_up_proj_blocks"], U8, c => [c.NumExperts, 2L * c.IntermediateSize, c.HiddenSize / 32, 16]),
        new("mlp.mlp1_weight.scales", ["mlp.experts.gate_up_proj_scales"], U8, c => [c.NumExperts, 2L * c.IntermediateSize, c.HiddenSize / 32]),
        new("mlp.mlp1_bias", ["mlp.experts.gate_up_proj_bias"], Bf16, c => [c.NumExperts, 2L * c.IntermediateSize]),
        new("mlp.mlp2_weight.blocks", ["mlp.experts.down_proj_blocks"], U8, c => [c.NumExperts, c.HiddenSize, c.IntermediateSize / 32, 16]),
        new("mlp.mlp2_weight.scales", ["mlp.experts.down_proj_scales"], U8, c => [c.NumExperts, c.HiddenSize, c.IntermediateSize / 32]),
        new("mlp.mlp2_bias", ["mlp.experts.down_proj_bias"], Bf16, c => [c.NumExperts, c.HiddenSize]),
    ];

    private static readonly Row[] AfterBlocks =
    [
        new(FinalNorm, ["model.norm.weight"], Bf16, c => [c.HiddenSize]),
        new(Unembedding, ["lm_head.weight"], Bf16, c => [c.VocabSize, c.HiddenSize]),
    ];

    /// <summary>Name in the original layout of a tensor of one layer: <c>Block(3, "attn.sinks")</c> is <c>block.3.attn.sinks</c>.</summary>
    public static string Block(int layer, string name) => $"block.{layer}.{name}";

    /// <summary>Every tensor a checkpoint must have, once, in the order of the original file: 15 per layer + 3, or 19 per layer + 3 where
    /// split.</summary>
    /// <param name="config">Sizes; each product of two of them must fit 63 bits, as it does after the config reader.</param>
    /// <param name="layout">Whose names and parts.</param>
    public static IEnumerable<ExpectedTensor> Inventory(GptOssConfig config, CheckpointLayout layout)
    {
        ArgumentNullException.ThrowIfNull(config);
        foreach (Row row in BeforeBlocks)
        {
            foreach (ExpectedTensor tensor in Stored(row, config, layout, "", ""))
                yield return tensor;
        }
        for (int layer = 0; layer < config.NumHiddenLayers; layer++)
        {
            foreach (Row row in InBlock)
            {
                foreach (ExpectedTensor tensor in Stored(row, config, layout, $"block.{layer}.", $"model.layers.{layer}."))
                    yield return tensor;
            }
        }
        foreach (Row row in AfterBlocks)
        {
            foreach (ExpectedTensor tensor in Stored(row, config, layout, "", ""))
                yield return tensor;
        }
    }

    private static IEnumerable<ExpectedTensor> Stored(Row row, GptOssConfig config, CheckpointLayout layout, string originalPrefix,
        string huggingFacePrefix)
    {
        string original = originalPrefix + row.Original;
        long[] shape = row.Shape(config);
        if (layout == CheckpointLayout.Original)
            return [new ExpectedTensor(original, original, row.DType, shape)];
        return row.HuggingFace.Select((name, part) => new ExpectedTensor(huggingFacePrefix + name, original, row.DType,
            row.Split is null ? shape : [row.Split[part](config), .. shape[1..]]));
    }

    private static long Q(GptOssConfig c) => (long)c.NumAttentionHeads * c.HeadDim;

    private static long Kv(GptOssConfig c) => (long)c.NumKeyValueHeads * c.HeadDim;
}
