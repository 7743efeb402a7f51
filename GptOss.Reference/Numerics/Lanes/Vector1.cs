using System.Runtime.CompilerServices;

namespace GptOss.Reference.Numerics.Lanes;

/// <summary>One float.</summary>
internal readonly unsafe struct Vector1(float v) : IVector<Vector1>
{
    private readonly float _v = v;
    public static int Lanes => 1;
    public static int Registers => 16;
    public static Vector1 Zero => default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector1 Broadcast(float value) => new(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector1 Load(float* lanes) => new(*lanes);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector1 Load(ushort* bfloat16Lanes) => new(Bfloat16.ToSingle(*bfloat16Lanes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector1 FusedMultiplyAdd(Vector1 a, Vector1 b, Vector1 sum) => new(MathF.FusedMultiplyAdd(a._v, b._v, sum._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(float* lanes) => *lanes = _v;
}
