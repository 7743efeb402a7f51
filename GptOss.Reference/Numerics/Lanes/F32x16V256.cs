using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace GptOss.Reference.Numerics.Lanes;

/// <summary>Sixteen lanes in two 256-bit registers.</summary>
internal readonly unsafe struct F32x16V256(Vector256<float> lo, Vector256<float> hi) : IF32x16<F32x16V256>
{
    private readonly Vector256<float> _lo = lo, _hi = hi;

    public static RegisterWidth Width => RegisterWidth.V256;

    public static F32x16V256 Zero { [MethodImpl(MethodImplOptions.AggressiveInlining)] get => new(Vector256<float>.Zero, Vector256<float>.Zero); }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x16V256 Broadcast(float value) => new(Vector256.Create(value), Vector256.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x16V256 Load(float* lanes) => new(Vector256.Load(lanes), Vector256.Load(lanes + 8));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x16V256 Load(ushort* bfloat16Lanes) => new(Widen(bfloat16Lanes), Widen(bfloat16Lanes + 8));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(F32x16V256 value, float* lanes)
    {
        value._lo.Store(lanes);
        value._hi.Store(lanes + 8);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x16V256 FusedMultiplyAdd(F32x16V256 a, F32x16V256 b, F32x16V256 sum) =>
        new(Vector256.FusedMultiplyAdd(a._lo, b._lo, sum._lo), Vector256.FusedMultiplyAdd(a._hi, b._hi, sum._hi));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x16V256 operator +(F32x16V256 a, F32x16V256 b) => new(a._lo + b._lo, a._hi + b._hi);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x16V256 operator -(F32x16V256 a, F32x16V256 b) => new(a._lo - b._lo, a._hi - b._hi);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x16V256 operator *(F32x16V256 a, F32x16V256 b) => new(a._lo * b._lo, a._hi * b._hi);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x16V256 operator /(F32x16V256 a, F32x16V256 b) => new(a._lo / b._lo, a._hi / b._hi);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x16V256 Min(F32x16V256 a, F32x16V256 b) => new(Vector256.Min(a._lo, b._lo), Vector256.Min(a._hi, b._hi));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x16V256 Max(F32x16V256 a, F32x16V256 b) => new(Vector256.Max(a._lo, b._lo), Vector256.Max(a._hi, b._hi));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x16V256 IfLess(F32x16V256 a, F32x16V256 b, F32x16V256 yes, F32x16V256 no) =>
        new(Vector256.ConditionalSelect(Vector256.LessThan(a._lo, b._lo), yes._lo, no._lo),
            Vector256.ConditionalSelect(Vector256.LessThan(a._hi, b._hi), yes._hi, no._hi));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x16V256 IfNaN(F32x16V256 value, F32x16V256 other) =>
        new(Vector256.ConditionalSelect(Vector256.Equals(value._lo, value._lo), other._lo, value._lo),
            Vector256.ConditionalSelect(Vector256.Equals(value._hi, value._hi), other._hi, value._hi));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x16V256 AddToExponent(F32x16V256 value, F32x16V256 shift) =>
        new((value._lo.AsInt32() + (shift._lo.AsInt32() << 23)).AsSingle(), (value._hi.AsInt32() + (shift._hi.AsInt32() << 23)).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x16V256 RoundToBfloat16(F32x16V256 value) => new(Round(value._lo), Round(value._hi));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Reduce(F32x16V256 value) => LaneSteps.Reduce(value._lo + value._hi);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Reduce4(F32x16V256 a, F32x16V256 b, F32x16V256 c, F32x16V256 d, float* sums)
    {
        Vector256<float> a8 = a._lo + a._hi, b8 = b._lo + b._hi, c8 = c._lo + c._hi, d8 = d._lo + d._hi;
        Vector256<float> ab = Avx.Permute2x128(a8, b8, 0x20) + Avx.Permute2x128(a8, b8, 0x31);
        Vector256<float> cd = Avx.Permute2x128(c8, d8, 0x20) + Avx.Permute2x128(c8, d8, 0x31);
        Vector256<float> acbd = Avx.Shuffle(ab, cd, 0b01_00_01_00) + Avx.Shuffle(ab, cd, 0b11_10_11_10);      // a a c c | b b d d
        Vector256<float> sum = acbd + Avx.Permute(acbd, 0b10_11_00_01);
        Vector128<float> ac = sum.GetLower(), bd = sum.GetUpper();
        sums[0] = ac.ToScalar();
        sums[1] = bd.ToScalar();
        sums[2] = ac.GetElement(2);
        sums[3] = bd.GetElement(2);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Widen(ushort* p) => (Avx2.ConvertToVector256Int32(Vector128.Load(p)) << 16).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Round(Vector256<float> value)
    {
        Vector256<uint> u = value.AsUInt32();
        Vector256<uint> rounded = (u + Vector256.Create(0x7FFFu) + ((u >>> 16) & Vector256.Create(1u))) & Vector256.Create(0xFFFF0000u);
        Vector256<uint> quiet = (u | Vector256.Create(0x00400000u)) & Vector256.Create(0xFFFF0000u);
        return Vector256.ConditionalSelect(Vector256.Equals(value, value), rounded.AsSingle(), quiet.AsSingle());
    }
}
