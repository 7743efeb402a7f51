namespace GptOss.Reference.Checkpoints.Configuration;

/// <summary>Parameters of a model by part, as the model card's Table 1 counts them; and the bytes they take as published.</summary>
/// <param name="Attention">All layers: norm, qkv, sinks, out.</param>
/// <param name="Mlp">All layers: norm, router, every expert.</param>
/// <param name="Embedding">vocab · hidden.</param>
/// <param name="Unembedding">vocab · hidden.</param>
/// <param name="FinalNorm">hidden.</param>
/// <param name="Active">What one token uses: attention, norms, router, its experts, unembedding; not the embedding.</param>
/// <param name="Mxfp4">Parameters stored as MXFP4: the weights of the experts.</param>
/// <remarks>Source: arXiv 2508.10925, Table 1 and its footnote. 20b: 20,914,757,184 in all, 3,608,307,264 active.</remarks>
internal sealed record ParameterCount(long Attention, long Mlp, long Embedding, long Unembedding, long FinalNorm, long Active, long Mxfp4)
{
    /// <summary>Sum of the parts.</summary>
    public long Total => Attention + Mlp + Embedding + Unembedding + FinalNorm;

    /// <summary>Share of the parameters stored as MXFP4, from 0 to 1: 0.914 (20b), 0.981 (120b).</summary>
    public double Mxfp4Share => (double)Mxfp4 / Total;

    /// <summary>Bytes of all tensors: 17 per 32 MXFP4 weights, 2 for each other parameter.</summary>
    public long TensorBytes => Mxfp4 / 32 * 17 + (Total - Mxfp4) * 2;

    /// <summary>Counts the parameters of a configuration.</summary>
    /// <exception cref="OverflowException">The sizes multiply beyond 63 bits; not after the config reader.</exception>
    public static ParameterCount From(GptOssConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        checked
        {
            long layers = config.NumHiddenLayers, hidden = config.HiddenSize, inner = config.IntermediateSize, experts = config.NumExperts;
            long q = (long)config.NumAttentionHeads * config.HeadDim, qkv = q + 2L * config.NumKeyValueHeads * config.HeadDim;
            long attention = hidden + qkv * hidden + qkv + config.NumAttentionHeads + hidden * q + hidden;
            long router = hidden + experts * hidden + experts;                 // with the norm before it
            long expertWeights = 3 * inner * hidden, expert = expertWeights + 2 * inner + hidden;
            long embedding = config.VocabSize * hidden;
            return new ParameterCount(
                Attention: layers * attention,
                Mlp: layers * (router + experts * expert),
                Embedding: embedding,
                Unembedding: embedding,
                FinalNorm: hidden,
                Active: layers * (attention + router + config.ExpertsPerToken * expert) + hidden + embedding,
                Mxfp4: layers * experts * expertWeights);
        }
    }
}
