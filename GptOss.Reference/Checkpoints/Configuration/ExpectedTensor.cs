using GptOss.Reference.Checkpoints.Storage;

namespace GptOss.Reference.Checkpoints.Configuration;

/// <summary>A tensor that a checkpoint of some configuration must have.</summary>
/// <param name="Name">Name in the layout that was asked for.</param>
/// <param name="Original">Name in the original layout; where a layout splits a tensor, several names share one.</param>
/// <param name="DType">BF16 or U8.</param>
/// <param name="Shape">Sizes, outermost first.</param>
internal sealed record ExpectedTensor(string Name, string Original, DType DType, IReadOnlyList<long> Shape);
