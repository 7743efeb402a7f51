using GptOss.Reference.Numerics.Lanes;

namespace GptOss.Reference.Numerics.Formats;

/// <summary>Byte j: elements j and j + 16.</summary>
internal readonly unsafe struct SplitNibbles : INibbleOrder
{
    public static void Decode<TBlock>(byte* codes, float* values, out TBlock even, out TBlock odd) where TBlock : struct, IF32x16<TBlock> =>
        Mxfp4Lanes.DecodeSplit(codes, values, out even, out odd);
}
