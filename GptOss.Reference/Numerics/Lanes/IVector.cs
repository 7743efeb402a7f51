using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace GptOss.Reference.Numerics.Lanes;

/// <summary>One hardware register of float32 lanes, for loops whose accumulators must all stay in registers.</summary>
internal unsafe interface IVector<TSelf> where TSelf : struct, IVector<TSelf>
{
    /// <summary>Lanes of a register; divides 16.</summary>
    static abstract int Lanes { get; }

    /// <summary>Registers the machine has at this width.</summary>
    static abstract int Registers { get; }

    /// <summary>+0 in every lane.</summary>
    static abstract TSelf Zero { get; }

    /// <summary>One value in every lane.</summary>
    static abstract TSelf Broadcast(float value);

    /// <summary>Consecutive floats.</summary>
    static abstract TSelf Load(float* lanes);

    /// <summary>a · b + sum with one rounding.</summary>
    static abstract TSelf FusedMultiplyAdd(TSelf a, TSelf b, TSelf sum);

    /// <summary>Writes consecutive floats.</summary>
    void Store(float* lanes);
}

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
    public static Vector1 FusedMultiplyAdd(Vector1 a, Vector1 b, Vector1 sum) => new(MathF.FusedMultiplyAdd(a._v, b._v, sum._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(float* lanes) => *lanes = _v;
}

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
    public static Vector4 FusedMultiplyAdd(Vector4 a, Vector4 b, Vector4 sum) => new(Vector128.FusedMultiplyAdd(a._v, b._v, sum._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(float* lanes) => _v.Store(lanes);
}

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
    public static Vector8 FusedMultiplyAdd(Vector8 a, Vector8 b, Vector8 sum) => new(Vector256.FusedMultiplyAdd(a._v, b._v, sum._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(float* lanes) => _v.Store(lanes);
}

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
    public static Vector16 FusedMultiplyAdd(Vector16 a, Vector16 b, Vector16 sum) => new(Vector512.FusedMultiplyAdd(a._v, b._v, sum._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(float* lanes) => _v.Store(lanes);
}
