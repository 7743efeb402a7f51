using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace GptOss.Reference.Numerics.Lanes;

/// <summary>The last steps of the fixed reduction tree, shared by the widths: halves are added until one lane is left.</summary>
internal static class LaneSteps
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static float Reduce(Vector256<float> eight) => Reduce(eight.GetLower() + eight.GetUpper());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static float Reduce(Vector128<float> four)
    {
        Vector128<float> two = four + Vector128.Shuffle(four, Vector128.Create(2, 3, 2, 3));
        return two.ToScalar() + two.GetElement(1);
    }

    /// <summary>a₀ b₀ a₁ b₁ … of the first eight bytes, and of the last eight. .NET has no portable name for it that is one instruction.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static (Vector128<ushort> First, Vector128<ushort> Last) Interleave(Vector128<byte> a, Vector128<byte> b)
    {
        if (Sse2.IsSupported)
            return (Sse2.UnpackLow(a, b).AsUInt16(), Sse2.UnpackHigh(a, b).AsUInt16());
        if (AdvSimd.Arm64.IsSupported)
            return (AdvSimd.Arm64.ZipLow(a, b).AsUInt16(), AdvSimd.Arm64.ZipHigh(a, b).AsUInt16());
        (Vector128<ushort> aFirst, Vector128<ushort> aLast) = Vector128.Widen(a);
        (Vector128<ushort> bFirst, Vector128<ushort> bLast) = Vector128.Widen(b);
        return (aFirst | (bFirst << 8), aLast | (bLast << 8));
    }

    /// <summary>Each of the first four bfloat16 values as a float32, and each of the last four.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static (Vector128<float> First, Vector128<float> Last) Widen(Vector128<ushort> bfloat16)
    {
        if (Sse2.IsSupported)
            return (Sse2.UnpackLow(Vector128<ushort>.Zero, bfloat16).AsSingle(), Sse2.UnpackHigh(Vector128<ushort>.Zero, bfloat16).AsSingle());
        return ((Vector128.WidenLower(bfloat16) << 16).AsSingle(), (Vector128.WidenUpper(bfloat16) << 16).AsSingle());
    }
}
