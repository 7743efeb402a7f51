using GptOss.Reference.Checkpoints.Storage;

namespace GptOss.Reference.Checkpoints;

/// <summary>A tensor as it is stored, and the file that holds it.</summary>
/// <param name="File">Path of the file.</param>
/// <param name="Info">Name in the checkpoint's own layout, dtype, shape and place. The dtype of a GGUF block format is U8.</param>
/// <param name="Format">The format of its elements: <c>BF16</c>, <c>U8</c>, <c>Q8_0</c>.</param>
public sealed record StoredTensor(string File, TensorInfo Info, string Format);
