using GptOss.Reference.Ground;

namespace GptOss.Reference.Checkpoints.Storage;

/// <summary>What a safetensors header says about one tensor, after all its rules have been checked.</summary>
/// <param name="Name">The key in the header.</param>
/// <param name="DType">Element type.</param>
/// <param name="Shape">Sizes, outermost first; empty for a scalar.</param>
/// <param name="Begin">First byte, counted from the start of the data section.</param>
/// <param name="End">One past the last byte, counted from the start of the data section.</param>
public readonly record struct TensorInfo(string Name, DType DType, IReadOnlyList<long> Shape, long Begin, long End)
{
    /// <summary>Bytes in the file: product of the shape · bits / 8.</summary>
    public long ByteCount => End - Begin;

    /// <summary>Dtype, shape and size as messages show them: <c>BF16 [32] = 64 bytes</c>.</summary>
    public override string ToString() => $"{DType} {Printable.Shape(Shape)} = {ByteCount} bytes";
}
