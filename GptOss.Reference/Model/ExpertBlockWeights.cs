using GptOss.Reference.Numerics.Formats;

namespace GptOss.Reference.Model;

/// <summary>Weights of one expert block, read in place from the checkpoint; only the norm gain is widened.</summary>
/// <param name="Norm">[hidden].</param>
/// <param name="Gate">Router, [experts, hidden].</param>
/// <param name="GateBias">[experts].</param>
/// <param name="Mlp1">[experts, 2·intermediate, hidden], whose rows alternate between gate and linear; or two of [experts, intermediate, hidden],
/// gate and linear.</param>
/// <param name="Mlp1Bias">One for each part.</param>
/// <param name="Mlp2">[experts, hidden, intermediate].</param>
/// <param name="Mlp2Bias">[experts, hidden].</param>
internal sealed record ExpertBlockWeights(
    float[] Norm, Weights Gate, StoredVector GateBias, IReadOnlyList<Weights> Mlp1, IReadOnlyList<StoredVector> Mlp1Bias, Weights Mlp2,
    StoredVector Mlp2Bias);
