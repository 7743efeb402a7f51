using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace GptOss.Reference.Numerics.Lanes;

/// <summary>Eight floats: AVX2.</summary>
internal readonly unsafe struct Vector8(Vector256<float> v) : IVector<Vector8>
{
    private readonly Vector256<float> _v = v;
    public static int Lanes => 8;
    public static int Registers => Vector512.IsHardwareAccelerated ? 32 : 16;      // AVX-512 doubles the registers of every width
    public static Vector8 Zero => default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector8 Broadcast(float value) => new(Vector256.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector8 Load(float* lanes) => new(Vector256.Load(lanes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector8 Load(ushort* bfloat16Lanes) => new((Avx2.ConvertToVector256Int32(Vector128.Load(bfloat16Lanes)) << 16).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector8 FusedMultiplyAdd(Vector8 a, Vector8 b, Vector8 sum) => new(Vector256.FusedMultiplyAdd(a._v, b._v, sum._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(float* lanes) => _v.Store(lanes);
}
