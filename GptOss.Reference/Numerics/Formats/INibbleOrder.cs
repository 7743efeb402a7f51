using GptOss.Reference.Numerics.Lanes;

namespace GptOss.Reference.Numerics.Formats;

/// <summary>Which elements of a block its nibbles hold.</summary>
internal unsafe interface INibbleOrder
{
    /// <summary>The block's even and odd elements as lanes.</summary>
    static abstract void Decode<TBlock>(byte* codes, float* values, out TBlock even, out TBlock odd) where TBlock : struct, IF32x16<TBlock>;
}
