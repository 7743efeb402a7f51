using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace GptOss.Reference.Numerics.Lanes;

/// <summary>Sixteen floats: AVX-512.</summary>
internal readonly unsafe struct Vector16(Vector512<float> v) : IVector<Vector16>
{
    private readonly Vector512<float> _v = v;
    public static int Lanes => 16;
    public static int Registers => 32;
    public static Vector16 Zero => default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector16 Broadcast(float value) => new(Vector512.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector16 Load(float* lanes) => new(Vector512.Load(lanes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector16 Load(ushort* bfloat16Lanes) =>
        new((Vector512.WidenLower(Vector256.Load(bfloat16Lanes).ToVector512Unsafe()) << 16).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector16 FusedMultiplyAdd(Vector16 a, Vector16 b, Vector16 sum) => new(Vector512.FusedMultiplyAdd(a._v, b._v, sum._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(float* lanes) => _v.Store(lanes);
}
