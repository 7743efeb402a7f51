namespace GptOss.Reference.Numerics.Formats.Blocks;

/// <summary>A format that stores weights in blocks of consecutive elements of a row, each block with its own scale.</summary>
/// <remarks>
/// <see cref="Decode"/> is the format's definition and what products run on. Every product in it of a scale, a sub-scale and a code has at most 23
/// significant bits and is exact in float32; only the addition of a minimum rounds, once. So the value of a weight does not depend on the order of
/// operations or the width of registers. Source: ggml, <c>ggml-common.h</c> (layouts) and <c>ggml-quants.c</c> (values).
/// </remarks>
internal unsafe interface IBlockFormat
{
    /// <summary>Weights of the largest block of any format.</summary>
    const int LargestBlock = 256;

    /// <summary>The format's name, as ggml has it.</summary>
    static abstract string Name { get; }

    /// <summary>Weights of a block: 32 or 256.</summary>
    static abstract int Weights { get; }

    /// <summary>Bytes of a block.</summary>
    static abstract int Bytes { get; }

    /// <summary>Offsets of the float16 scales and minima in a block.</summary>
    static abstract ReadOnlySpan<int> Scales { get; }

    /// <summary>Writes the weights of a block as float32, in the order of the row.</summary>
    static abstract void Decode(byte* block, float* values);
}
