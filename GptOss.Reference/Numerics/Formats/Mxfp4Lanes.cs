using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using GptOss.Reference.Numerics.Lanes;

namespace GptOss.Reference.Numerics.Formats;

/// <summary>
/// The 32 weights of one MXFP4 block as two blocks of lanes, at every width: lane j of <c>even</c> is element 2j, lane j of <c>odd</c> element 2j +
/// 1.
/// </summary>
/// <remarks>The scalar branch is the definition. The JIT keeps the one branch of the width at hand.</remarks>
internal static unsafe class Mxfp4Lanes
{
    // Of two bytes that hold elements 2j, 2j + 1 of a block and, in their high halves, elements 2j + 16 and 2j + 17.
    private static Vector512<uint> EvenHalves
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Vector512.Create(0u, 0, 0, 0, 0, 0, 0, 0, 4, 4, 4, 4, 4, 4, 4, 4);
    }

    private static Vector512<uint> OddHalves
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Vector512.Create(8u, 8, 8, 8, 8, 8, 8, 8, 12, 12, 12, 12, 12, 12, 12, 12);
    }

    /// <summary>A block as published: byte j holds element 2j in its low nibble and element 2j + 1 in its high one.</summary>
    /// <param name="block">16 bytes.</param>
    /// <param name="values">The sixteen values of the block's scale, <see cref="Mxfp4.ScaledValues"/>.</param>
    /// <param name="even">The even elements.</param>
    /// <param name="odd">The odd elements.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Decode<TBlock>(byte* block, float* values, out TBlock even, out TBlock odd) where TBlock : struct, IF32x16<TBlock>
    {
        if (typeof(TBlock) == typeof(F32x16V512))
        {
            // Looked up by the low four bits of each lane, which are all that vpermps reads of an index.
            var table = Vector512.Load(values);
            Vector512<int> codes = Avx512F.ConvertToVector512Int32(Vector128.Load(block));
            F32x16V512 e512 = new(Avx512F.PermuteVar16x32(table, codes)), o512 = new(Avx512F.PermuteVar16x32(table, codes >>> 4));
            (even, odd) = (Unsafe.BitCast<F32x16V512, TBlock>(e512), Unsafe.BitCast<F32x16V512, TBlock>(o512));
            return;
        }
        if (typeof(TBlock) == typeof(F32x16V256))
        {
            var table = Vector256.Load(values);
            Vector256<int> first = Avx2.ConvertToVector256Int32(block), last = Avx2.ConvertToVector256Int32(block + 8);
            F32x16V256 e256 = new(Signed(table, first), Signed(table, last));
            F32x16V256 o256 = new(Signed(table, first >>> 4, first << 24), Signed(table, last >>> 4, last << 24));
            (even, odd) = (Unsafe.BitCast<F32x16V256, TBlock>(e256), Unsafe.BitCast<F32x16V256, TBlock>(o256));
            return;
        }
        if (typeof(TBlock) != typeof(F32x16Scalar))
        {
            V128(Vector128.Load(block), values, out even, out odd);
            return;
        }
        Unsafe.SkipInit(out F32x16Scalar e);
        Unsafe.SkipInit(out F32x16Scalar o);
        for (int j = 0; j < 16; j++)
        {
            e[j] = values[block[j] & 15];
            o[j] = values[block[j] >> 4];
        }
        (even, odd) = (Unsafe.BitCast<F32x16Scalar, TBlock>(e), Unsafe.BitCast<F32x16Scalar, TBlock>(o));
    }

    /// <summary>A block as GGUF has it: byte j holds element j in its low nibble and element j + 16 in its high one.</summary>
    /// <inheritdoc cref="Decode"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void DecodeSplit<TBlock>(byte* block, float* values, out TBlock even, out TBlock odd) where TBlock : struct, IF32x16<TBlock>
    {
        if (typeof(TBlock) == typeof(F32x16V512))
        {
            // Two bytes to a lane, twice over: the first eight lanes take their low halves, the last eight their high ones.
            var table = Vector512.Load(values);
            Vector512<int> pairs = Avx512F.ConvertToVector512Int32(Avx2.BroadcastVector128ToVector256((ushort*)block));
            F32x16V512 e512 = new(Avx512F.PermuteVar16x32(table, Avx512F.ShiftRightLogicalVariable(pairs, EvenHalves)));
            F32x16V512 o512 = new(Avx512F.PermuteVar16x32(table, Avx512F.ShiftRightLogicalVariable(pairs, OddHalves)));
            (even, odd) = (Unsafe.BitCast<F32x16V512, TBlock>(e512), Unsafe.BitCast<F32x16V512, TBlock>(o512));
            return;
        }
        if (typeof(TBlock) == typeof(F32x16V256))
        {
            var table = Vector256.Load(values);
            Vector256<int> pairs = Avx2.ConvertToVector256Int32((ushort*)block);
            F32x16V256 e256 = new(Signed(table, pairs), Signed(table, pairs >>> 4));
            F32x16V256 o256 = new(Signed(table, pairs >>> 8), Signed(table, pairs >>> 12));
            (even, odd) = (Unsafe.BitCast<F32x16V256, TBlock>(e256), Unsafe.BitCast<F32x16V256, TBlock>(o256));
            return;
        }
        if (typeof(TBlock) != typeof(F32x16Scalar))
        {
            // The sixteen bytes that the published order would have.
            Vector128<ushort> pairs = Vector128.Load(block).AsUInt16(), low = Vector128.Create((ushort)0x0F), high = Vector128.Create((ushort)0xF0);
            V128(Vector128.Narrow((pairs & low) | ((pairs >>> 4) & high), ((pairs >>> 4) & low) | ((pairs >>> 8) & high)), values, out even, out odd);
            return;
        }
        Unsafe.SkipInit(out F32x16Scalar e);
        Unsafe.SkipInit(out F32x16Scalar o);
        for (int j = 0; j < 8; j++)
        {
            (e[j], o[j]) = (values[block[2 * j] & 15], values[block[2 * j + 1] & 15]);
            (e[j + 8], o[j + 8]) = (values[block[2 * j] >> 4], values[block[2 * j + 1] >> 4]);
        }
        (even, odd) = (Unsafe.BitCast<F32x16Scalar, TBlock>(e), Unsafe.BitCast<F32x16Scalar, TBlock>(o));
    }

    /// <summary>Bytes in the published order.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void V128<TBlock>(Vector128<byte> codes, float* values, out TBlock even, out TBlock odd) where TBlock : struct, IF32x16<TBlock>
    {
        var s = Vector128.Create(values[2]);      // the value of code 2 is 1, so this is the scale
        even = Unsafe.BitCast<F32x16V128, TBlock>(Decode(codes & Vector128.Create((byte)15), s));
        odd = Unsafe.BitCast<F32x16V128, TBlock>(Decode(codes >>> 4, s));
    }

    /// <summary>
    /// Eight magnitudes, looked up by the low three bits of each lane, which are all that vpermps reads of an index; bit 3 is the sign.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Signed(Vector256<float> table, Vector256<int> codes) => Signed(table, codes, codes << 28);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Signed(Vector256<float> table, Vector256<int> codes, Vector256<int> signs) =>
        (Avx2.PermuteVar8x32(table, codes).AsInt32() ^ (signs & Vector256.Create(int.MinValue))).AsSingle();

    /// <summary>All sixteen values are bfloat16, so a float is two looked-up bytes above two zero bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static F32x16V128 Decode(Vector128<byte> codes, Vector128<float> scale)
    {
        // ShuffleNative: the codes are below 16, so the range mask that Shuffle adds would only cost.
        var high =
            Vector128.ShuffleNative(Vector128.Create((byte)0x00, 0x3F, 0x3F, 0x3F, 0x40, 0x40, 0x40, 0x40, 0x80, 0xBF, 0xBF, 0xBF, 0xC0, 0xC0, 0xC0,
                0xC0), codes);
        var low =
            Vector128.ShuffleNative(Vector128.Create((byte)0x00, 0x00, 0x80, 0xC0, 0x00, 0x40, 0x80, 0xC0, 0x00, 0x00, 0x80, 0xC0, 0x00, 0x40, 0x80,
                0xC0), codes);
        (Vector128<ushort> first, Vector128<ushort> last) = LaneSteps.Interleave(low, high);
        (Vector128<float> a, Vector128<float> b) = LaneSteps.Widen(first);
        (Vector128<float> c, Vector128<float> d) = LaneSteps.Widen(last);
        return new(a * scale, b * scale, c * scale, d * scale);
    }
}
