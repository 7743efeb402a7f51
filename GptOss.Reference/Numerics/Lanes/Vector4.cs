using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace GptOss.Reference.Numerics.Lanes;

/// <summary>Four floats: SSE, NEON.</summary>
internal readonly unsafe struct Vector4(Vector128<float> v) : IVector<Vector4>
{
    private readonly Vector128<float> _v = v;
    public static int Lanes => 4;
    public static int Registers => AdvSimd.IsSupported || Vector512.IsHardwareAccelerated ? 32 : 16;
    public static Vector4 Zero => default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector4 Broadcast(float value) => new(Vector128.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector4 Load(float* lanes) => new(Vector128.Load(lanes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector4 Load(ushort* bfloat16Lanes) => new(LaneSteps.Widen(Vector128.CreateScalarUnsafe(*(ulong*)bfloat16Lanes).AsUInt16()).First);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector4 FusedMultiplyAdd(Vector4 a, Vector4 b, Vector4 sum) => new(Vector128.FusedMultiplyAdd(a._v, b._v, sum._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(float* lanes) => _v.Store(lanes);
}
