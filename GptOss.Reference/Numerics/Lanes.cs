using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace GptOss.Reference.Numerics;

/// <summary>The last steps of the fixed reduction tree, shared by the widths: halves are added until one lane is left.</summary>
internal static class Lanes
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static float Reduce(Vector256<float> eight) => Reduce(eight.GetLower() + eight.GetUpper());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static float Reduce(Vector128<float> four)
    {
        Vector128<float> two = four + Vector128.Shuffle(four, Vector128.Create(2, 3, 2, 3));
        return two.ToScalar() + two.GetElement(1);
    }
}
