namespace GptOss.Reference.Checkpoints.Gguf;

/// <summary>A tensor of a GGUF file, after its rules have been checked.</summary>
/// <param name="Name">The name in the file.</param>
/// <param name="Dimensions">Innermost first, without trailing ones.</param>
/// <param name="Type">Element type.</param>
/// <param name="Offset">First byte, from the start of the data.</param>
/// <param name="ByteCount">Bytes, without padding.</param>
internal sealed record GgufTensor(string Name, IReadOnlyList<long> Dimensions, GgufType Type, long Offset, long ByteCount)
{
    /// <summary>Dimensions without the trailing ones that writers may leave out.</summary>
    internal static long[] Trimmed(IReadOnlyList<long> dimensions)
    {
        int count = dimensions.Count;
        while (count > 1 && dimensions[count - 1] == 1)
            count--;
        return [.. dimensions.Take(count)];
    }
}
