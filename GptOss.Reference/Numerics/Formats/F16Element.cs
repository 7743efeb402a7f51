using System.Runtime.Intrinsics;
using GptOss.Reference.Numerics.Lanes;

namespace GptOss.Reference.Numerics.Formats;

/// <summary>IEEE binary16.</summary>
internal readonly unsafe struct F16Element : IStoredElement
{
    public static string Name => "F16";
    public static int Bytes => 2;

    public static float One(byte* element) => Float16.Read(element);

    public static TBlock Load<TBlock>(byte* elements) where TBlock : struct, IF32x16<TBlock>
    {
        float* wide = stackalloc float[16];
        for (int i = 0; i < 16; i += 4)
            Float16.Widen4(elements + 2 * i).Store(wide + i);
        return TBlock.Load(wide);
    }
}
