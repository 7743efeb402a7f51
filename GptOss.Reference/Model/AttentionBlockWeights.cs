using GptOss.Reference.Numerics.Formats;

namespace GptOss.Reference.Model;

/// <summary>
/// Weights of one attention block, read in place from the checkpoint; only the norm gain and the sinks are widened, and matrices may be packed.
/// </summary>
/// <param name="Norm">[hidden].</param>
/// <param name="Qkv">[(heads + 2·kvHeads)·headDim, hidden], in one part or in three (q, k, v), as the checkpoint stores it.</param>
/// <param name="QkvBias">One for each part.</param>
/// <param name="Sinks">[heads].</param>
/// <param name="Out">[hidden, heads·headDim].</param>
/// <param name="OutBias">[hidden].</param>
internal sealed record AttentionBlockWeights(
    float[] Norm, IReadOnlyList<Weights> Qkv, IReadOnlyList<StoredVector> QkvBias, float[] Sinks, Weights Out, StoredVector OutBias);
