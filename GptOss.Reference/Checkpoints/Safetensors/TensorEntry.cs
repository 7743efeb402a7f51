using GptOss.Reference.Checkpoints.Storage;

namespace GptOss.Reference.Checkpoints.Safetensors;

/// <summary>A tensor to be written, and what writes its bytes.</summary>
/// <param name="Name">Its key in the header.</param>
/// <param name="DType">Element type.</param>
/// <param name="Shape">Sizes, outermost first.</param>
/// <param name="Write">Writes exactly the tensor's bytes, little-endian and row-major.</param>
internal sealed record TensorEntry(string Name, DType DType, IReadOnlyList<long> Shape, Action<Stream> Write);
