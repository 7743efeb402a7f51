using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace GptOss.Reference.Numerics.Lanes;

/// <summary>
/// Sixteen lanes in four 128-bit registers: NEON, SSE. Portable operations but for two interleavings, so the shape that Arm64 runs is tested on x64
/// too.
/// </summary>
internal readonly unsafe struct F32x16V128(Vector128<float> a, Vector128<float> b, Vector128<float> c, Vector128<float> d) : IF32x16<F32x16V128>
{
    private readonly Vector128<float> _a = a, _b = b, _c = c, _d = d;

    public static RegisterWidth Width => RegisterWidth.V128;

    public static F32x16V128 Zero { [MethodImpl(MethodImplOptions.AggressiveInlining)] get => Broadcast(0); }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x16V128 Broadcast(float value)
    {
        var v = Vector128.Create(value);
        return new(v, v, v, v);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x16V128 Load(float* lanes) =>
        new(Vector128.Load(lanes), Vector128.Load(lanes + 4), Vector128.Load(lanes + 8), Vector128.Load(lanes + 12));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x16V128 Load(ushort* bfloat16Lanes)
    {
        (Vector128<float> a, Vector128<float> b) = LaneSteps.Widen(Vector128.Load(bfloat16Lanes));
        (Vector128<float> c, Vector128<float> d) = LaneSteps.Widen(Vector128.Load(bfloat16Lanes + 8));
        return new(a, b, c, d);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(F32x16V128 value, float* lanes)
    {
        value._a.Store(lanes);
        value._b.Store(lanes + 4);
        value._c.Store(lanes + 8);
        value._d.Store(lanes + 12);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x16V128 FusedMultiplyAdd(F32x16V128 a, F32x16V128 b, F32x16V128 sum) =>
        new(Vector128.FusedMultiplyAdd(a._a, b._a, sum._a), Vector128.FusedMultiplyAdd(a._b, b._b, sum._b),
            Vector128.FusedMultiplyAdd(a._c, b._c, sum._c), Vector128.FusedMultiplyAdd(a._d, b._d, sum._d));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x16V128 operator +(F32x16V128 a, F32x16V128 b) => new(a._a + b._a, a._b + b._b, a._c + b._c, a._d + b._d);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x16V128 operator -(F32x16V128 a, F32x16V128 b) => new(a._a - b._a, a._b - b._b, a._c - b._c, a._d - b._d);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x16V128 operator *(F32x16V128 a, F32x16V128 b) => new(a._a * b._a, a._b * b._b, a._c * b._c, a._d * b._d);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x16V128 operator /(F32x16V128 a, F32x16V128 b) => new(a._a / b._a, a._b / b._b, a._c / b._c, a._d / b._d);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x16V128 Min(F32x16V128 a, F32x16V128 b) =>
        new(Vector128.Min(a._a, b._a), Vector128.Min(a._b, b._b), Vector128.Min(a._c, b._c), Vector128.Min(a._d, b._d));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x16V128 Max(F32x16V128 a, F32x16V128 b) =>
        new(Vector128.Max(a._a, b._a), Vector128.Max(a._b, b._b), Vector128.Max(a._c, b._c), Vector128.Max(a._d, b._d));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x16V128 IfLess(F32x16V128 a, F32x16V128 b, F32x16V128 yes, F32x16V128 no) =>
        new(Vector128.ConditionalSelect(Vector128.LessThan(a._a, b._a), yes._a, no._a),
            Vector128.ConditionalSelect(Vector128.LessThan(a._b, b._b), yes._b, no._b),
            Vector128.ConditionalSelect(Vector128.LessThan(a._c, b._c), yes._c, no._c),
            Vector128.ConditionalSelect(Vector128.LessThan(a._d, b._d), yes._d, no._d));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x16V128 IfNaN(F32x16V128 value, F32x16V128 other) =>
        new(Vector128.ConditionalSelect(Vector128.Equals(value._a, value._a), other._a, value._a),
            Vector128.ConditionalSelect(Vector128.Equals(value._b, value._b), other._b, value._b),
            Vector128.ConditionalSelect(Vector128.Equals(value._c, value._c), other._c, value._c),
            Vector128.ConditionalSelect(Vector128.Equals(value._d, value._d), other._d, value._d));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x16V128 AddToExponent(F32x16V128 value, F32x16V128 shift) =>
        new((value._a.AsInt32() + (shift._a.AsInt32() << 23)).AsSingle(), (value._b.AsInt32() + (shift._b.AsInt32() << 23)).AsSingle(),
            (value._c.AsInt32() + (shift._c.AsInt32() << 23)).AsSingle(), (value._d.AsInt32() + (shift._d.AsInt32() << 23)).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x16V128 RoundToBfloat16(F32x16V128 value) => new(Round(value._a), Round(value._b), Round(value._c), Round(value._d));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Reduce(F32x16V128 value) => LaneSteps.Reduce((value._a + value._c) + (value._b + value._d));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Reduce4(F32x16V128 a, F32x16V128 b, F32x16V128 c, F32x16V128 d, float* sums)
    {
        sums[0] = Reduce(a);
        sums[1] = Reduce(b);
        sums[2] = Reduce(c);
        sums[3] = Reduce(d);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> Round(Vector128<float> value)
    {
        Vector128<uint> u = value.AsUInt32();
        Vector128<uint> rounded = (u + Vector128.Create(0x7FFFu) + ((u >>> 16) & Vector128.Create(1u))) & Vector128.Create(0xFFFF0000u);
        Vector128<uint> quiet = (u | Vector128.Create(0x00400000u)) & Vector128.Create(0xFFFF0000u);
        return Vector128.ConditionalSelect(Vector128.Equals(value, value), rounded.AsSingle(), quiet.AsSingle());
    }
}
