using GptOss.Reference.Numerics.Lanes;

namespace GptOss.Reference.Numerics.Formats;

/// <summary>Byte j: elements 2j and 2j + 1.</summary>
internal readonly unsafe struct PairedNibbles : INibbleOrder
{
    public static void Decode<TBlock>(byte* codes, float* values, out TBlock even, out TBlock odd) where TBlock : struct, IF32x16<TBlock> =>
        Mxfp4Lanes.Decode(codes, values, out even, out odd);
}
