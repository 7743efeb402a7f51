using System.Buffers.Binary;
using GptOss.Reference.Checkpoints.Storage;
using GptOss.Reference.Ground;

namespace GptOss.Reference.Checkpoints.Safetensors;

/// <summary>Rules 1 to 3 and 5 to 9 of the safetensors format: sizes, offsets, and that tensors tile the data section.</summary>
/// <remarks>Source: huggingface/safetensors, <c>safetensors/src/tensor.rs</c>, <c>read_metadata</c> and <c>Metadata::validate</c>; same
/// order.</remarks>
internal static class SafeTensorsRules
{
    internal const int LengthBytes = 8;
    internal const long MaxHeaderBytes = 100_000_000;

    /// <summary>Bytes of the header that the first eight bytes announce, after rules 1 to 3.</summary>
    /// <param name="start">The file's first bytes: at least 8 where the file has them.</param>
    /// <param name="fileBytes">Length of the file, in bytes.</param>
    /// <param name="path">For the message.</param>
    internal static int HeaderBytes(ReadOnlySpan<byte> start, long fileBytes, string path)
    {
        if (fileBytes < LengthBytes)
            throw new CheckpointFormatException(path, "header-too-small", fileBytes == 0
                ? "the file is empty; expected a safetensors file."
                : $"the file has {fileBytes} bytes; a safetensors file has at least 8.");
        ulong announced = BinaryPrimitives.ReadUInt64LittleEndian(start);
        if (announced <= MaxHeaderBytes && (long)announced <= fileBytes - LengthBytes)
            return (int)announced;
        if (FileKind.Guess(start) is { } kind)
            throw new CheckpointFormatException(path, "not-safetensors", $"this is {kind}.");
        throw announced > MaxHeaderBytes
            ? new CheckpointFormatException(path, "header-too-large",
                $"the header is announced with {announced} bytes; at most {MaxHeaderBytes} are allowed.")
            : new CheckpointFormatException(path, "invalid-header-length",
                $"the header is announced with {announced} bytes, but only {fileBytes - LengthBytes} bytes follow.");
    }

    /// <summary>Sorts tensors by position and checks that they follow each other from byte 0 to the end: no gap, no overlap, no tail.</summary>
    /// <param name="tensors">In any order; sorted in place by (begin, end).</param>
    /// <param name="dataBytes">Bytes after the header.</param>
    /// <param name="path">For the message.</param>
    internal static void RequireTiling(List<TensorInfo> tensors, long dataBytes, string path)
    {
        tensors.Sort(static (a, b) =>
            a.Begin != b.Begin ? a.Begin.CompareTo(b.Begin) :
            a.End != b.End ? a.End.CompareTo(b.End) : string.CompareOrdinal(a.Name, b.Name));
        long next = 0;
        foreach (TensorInfo tensor in tensors)
        {
            if (tensor.Begin != next || tensor.End < tensor.Begin)
                throw Broken("invalid-offset", tensor, $"occupies bytes [{tensor.Begin}, {tensor.End}); expected it to begin at {next} and not to end before.");
            long bits = Bits(tensor) ??
                throw Broken("validation-overflow", tensor,
                    $"is {tensor.DType} {Printable.Shape(tensor.Shape)}, more bits than 64-bit arithmetic can count.");
            if (bits % 8 != 0)
                throw Broken("misaligned-slice", tensor,
                    $"is {tensor.DType} {Printable.Shape(tensor.Shape)} = {bits} bits, not a whole number of bytes.");
            if (tensor.ByteCount != bits / 8)
                throw Broken("tensor-size", tensor, $"is {tensor.DType} {Printable.Shape(tensor.Shape)} = {bits / 8} bytes, but its offsets hold {tensor.ByteCount}.");
            next = tensor.End;
        }
        if (next != dataBytes)
            throw new CheckpointFormatException(path, "incomplete-buffer", $"the tensors end at byte {next} of a {dataBytes}-byte data section.");

        CheckpointFormatException Broken(string rule, TensorInfo tensor, string what) => new(path, rule,
            $"tensor '{Printable.Clip(tensor.Name)}' {what}");
    }

    /// <summary>Product of the shape · bits per element, or null where it (or a product on the way) exceeds 64 unsigned bits.</summary>
    internal static long? Bits(DType dtype, IReadOnlyList<long> shape)
    {
        ulong elements = 1;
        foreach (long size in shape)
        {
            if (Math.BigMul(elements, (ulong)size, out elements) != 0)
                return null;
        }
        return Math.BigMul(elements, (ulong)dtype.Bits(), out ulong bits) == 0 && bits <= long.MaxValue ? (long)bits : null;
    }

    private static long? Bits(TensorInfo tensor) => Bits(tensor.DType, tensor.Shape);
}
