using GptOss.Reference.Numerics.Lanes;

namespace GptOss.Reference.Numerics.Formats;

/// <summary>float32.</summary>
internal readonly unsafe struct F32Element : IStoredElement
{
    public static string Name => "F32";
    public static int Bytes => 4;

    public static float One(byte* element) => *(float*)element;

    public static TBlock Load<TBlock>(byte* elements) where TBlock : struct, IF32x16<TBlock> => TBlock.Load((float*)elements);
}
