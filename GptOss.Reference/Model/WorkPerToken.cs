using GptOss.Reference.Checkpoints;
using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Numerics.Formats;

namespace GptOss.Reference.Model;

/// <summary>What one token costs, computed from the shapes: the bytes that decode has to read and the operations that prefill has to do.</summary>
internal static class WorkPerToken
{
    /// <summary>Stored bytes of every tensor row that one decoded token reads: 3,708,089,088 for the 20b. The cache is not counted.</summary>
    public static long Bytes(GptOssConfig config)
    {
        long attention = config.HiddenSize
            + (config.QuerySize + 2L * config.KeyValueSize) * (config.HiddenSize + 1)
            + config.NumAttentionHeads
            + (long)config.HiddenSize * (config.QuerySize + 1);
        long router = config.HiddenSize + (long)config.NumExperts * (config.HiddenSize + 1);
        long layer = 2 * (attention + router) + ExpertBytes(config);
        long embeddingAndNorm = 2L * config.HiddenSize;
        return config.NumHiddenLayers * layer + 2 * (embeddingAndNorm + (long)config.VocabSize * config.HiddenSize);
    }

    /// <summary>Of these the experts of one layer.</summary>
    internal static long ExpertBytes(GptOssConfig config)
    {
        long biases = 2L * config.IntermediateSize + config.HiddenSize;
        return config.ExpertsPerToken * (2 * biases + ExpertWeights(config) / 32 * 17);
    }

    /// <summary>The same for a checkpoint, whatever the formats of its weights.</summary>
    public static long Bytes(Checkpoint checkpoint)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        if (checkpoint.Layout != CheckpointLayout.Gguf)
            return Bytes(checkpoint.Config);
        long bytes = checkpoint.TotalBytes + Row(checkpoint) - checkpoint.Matrix(TensorNames.Embedding).Bytes;
        for (int layer = 0; layer < checkpoint.Config.NumHiddenLayers; layer++)
        {
            foreach (string name in (ReadOnlySpan<string>)["mlp.mlp1_weight", "mlp.mlp2_weight"])
            {
                foreach (Weights experts in checkpoint.Matrices(TensorNames.Block(layer, name)))
                    bytes -= Idle(experts.Bytes);
            }
            foreach (string name in (ReadOnlySpan<string>)["mlp.mlp1_bias", "mlp.mlp2_bias"])
            {
                foreach (StoredVector bias in checkpoint.Vectors(TensorNames.Block(layer, name)))
                    bytes -= Idle(sizeof(ushort) * (long)bias.Halves.Length + sizeof(float) * (long)bias.Wide.Length);
            }
        }
        return bytes;

        // Bytes of the experts that a token does not use.
        long Idle(long all) => all / checkpoint.Config.NumExperts * (checkpoint.Config.NumExperts - checkpoint.Config.ExpertsPerToken);

        static long Row(Checkpoint checkpoint) => checkpoint.Matrix(TensorNames.Embedding).Bytes / checkpoint.Config.VocabSize;
    }

    /// <summary>Stored bytes of all layers' weights of a checkpoint: what a chunk of many prompt tokens reads once.</summary>
    public static long LayerBytes(Checkpoint checkpoint)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        return checkpoint.Layout != CheckpointLayout.Gguf ? LayerBytes(checkpoint.Config)
            : checkpoint.TotalBytes - checkpoint.Matrix(TensorNames.Embedding).Bytes - checkpoint.Matrix(TensorNames.Unembedding).Bytes;
    }

    /// <summary>Stored bytes of all layers' weights: what a chunk of many prompt tokens reads once.</summary>
    public static long LayerBytes(GptOssConfig config) =>
        ParameterCount.From(config).TensorBytes - 4L * config.VocabSize * config.HiddenSize - 2L * config.HiddenSize;

    /// <summary>Multiplications and additions of the matrix products of one prompt token, without its logits: 6,056,017,920 for the 20b.</summary>
    public static long Operations(GptOssConfig config)
    {
        long weights = (config.QuerySize + 2L * config.KeyValueSize) * config.HiddenSize
            + (long)config.HiddenSize * config.QuerySize
            + (long)config.NumExperts * config.HiddenSize
            + config.ExpertsPerToken * ExpertWeights(config);
        return config.NumHiddenLayers * 2 * weights;
    }

    /// <summary>
    /// Operations of attention, scores and mix, for the tokens at positions <paramref name="first"/> … + <paramref name="count"/> − 1 of a sequence.
    /// </summary>
    public static long AttentionOperations(GptOssConfig config, int first, int count)
    {
        long keys = 0;
        for (int layer = 0; layer < config.NumHiddenLayers; layer++)
        {
            int window = config.WindowOf(layer) ?? int.MaxValue;
            for (int position = first; position < first + count; position++)
                keys += Math.Min(position + 1, window);
        }
        return 4 * keys * config.QuerySize;
    }

    private static long ExpertWeights(GptOssConfig config) => 3L * config.IntermediateSize * config.HiddenSize;
}
