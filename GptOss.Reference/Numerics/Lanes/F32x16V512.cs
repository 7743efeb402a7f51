using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace GptOss.Reference.Numerics.Lanes;

/// <summary>Sixteen lanes in one 512-bit register.</summary>
internal readonly unsafe struct F32x16V512(Vector512<float> v) : IF32x16<F32x16V512>
{
    private readonly Vector512<float> _v = v;

    public static RegisterWidth Width => RegisterWidth.V512;

    public static F32x16V512 Zero { [MethodImpl(MethodImplOptions.AggressiveInlining)] get => new(Vector512<float>.Zero); }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x16V512 Broadcast(float value) => new(Vector512.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x16V512 Load(float* lanes) => new(Vector512.Load(lanes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x16V512 Load(ushort* bfloat16Lanes) =>
        new((Vector512.WidenLower(Vector256.Load(bfloat16Lanes).ToVector512Unsafe()) << 16).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(F32x16V512 value, float* lanes) => value._v.Store(lanes);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x16V512 FusedMultiplyAdd(F32x16V512 a, F32x16V512 b, F32x16V512 sum) => new(Vector512.FusedMultiplyAdd(a._v, b._v, sum._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x16V512 operator +(F32x16V512 a, F32x16V512 b) => new(a._v + b._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x16V512 operator -(F32x16V512 a, F32x16V512 b) => new(a._v - b._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x16V512 operator *(F32x16V512 a, F32x16V512 b) => new(a._v * b._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x16V512 operator /(F32x16V512 a, F32x16V512 b) => new(a._v / b._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x16V512 Min(F32x16V512 a, F32x16V512 b) => new(Vector512.Min(a._v, b._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x16V512 Max(F32x16V512 a, F32x16V512 b) => new(Vector512.Max(a._v, b._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x16V512 IfLess(F32x16V512 a, F32x16V512 b, F32x16V512 yes, F32x16V512 no) =>
        new(Vector512.ConditionalSelect(Vector512.LessThan(a._v, b._v), yes._v, no._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x16V512 IfNaN(F32x16V512 value, F32x16V512 other) =>
        new(Vector512.ConditionalSelect(Vector512.Equals(value._v, value._v), other._v, value._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x16V512 AddToExponent(F32x16V512 value, F32x16V512 shift) =>
        new((value._v.AsInt32() + (shift._v.AsInt32() << 23)).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x16V512 RoundToBfloat16(F32x16V512 value)
    {
        Vector512<uint> u = value._v.AsUInt32();
        Vector512<uint> rounded = (u + Vector512.Create(0x7FFFu) + ((u >>> 16) & Vector512.Create(1u))) & Vector512.Create(0xFFFF0000u);
        Vector512<uint> quiet = (u | Vector512.Create(0x00400000u)) & Vector512.Create(0xFFFF0000u);
        return new(Vector512.ConditionalSelect(Vector512.Equals(value._v, value._v), rounded.AsSingle(), quiet.AsSingle()));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Reduce(F32x16V512 value) => LaneSteps.Reduce(value._v.GetLower() + value._v.GetUpper());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Reduce4(F32x16V512 a, F32x16V512 b, F32x16V512 c, F32x16V512 d, float* sums)
    {
        // Quarters are regrouped so that each addition does a step of the tree for all four blocks at once.
        Vector512<float> ab = Avx512F.Shuffle4x128(a._v, b._v, 0b01_00_01_00) + Avx512F.Shuffle4x128(a._v, b._v, 0b11_10_11_10);
        Vector512<float> cd = Avx512F.Shuffle4x128(c._v, d._v, 0b01_00_01_00) + Avx512F.Shuffle4x128(c._v, d._v, 0b11_10_11_10);
        Vector512<float> four = Avx512F.Shuffle4x128(ab, cd, 0b10_00_10_00) + Avx512F.Shuffle4x128(ab, cd, 0b11_01_11_01);
        Vector512<float> two = four + Avx512F.Permute4x32(four, 0b11_10_11_10);
        Vector512<float> one = two + Avx512F.Permute4x32(two, 0b01_01_01_01);
        Avx512F.PermuteVar16x32(one, Vector512.Create(0, 4, 8, 12, 0, 4, 8, 12, 0, 4, 8, 12, 0, 4, 8, 12)).GetLower().GetLower().Store(sums);
    }
}
