using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using GptOss.Reference.Numerics.Lanes;

namespace GptOss.Reference.Numerics.Formats;

/// <summary>Half a block of a <see cref="PackedMatrix"/> as lanes, at every width. The scalar branch is the definition.</summary>
internal static unsafe class PackedLanes
{
    /// <summary>Two rows of 32 weights, each as two blocks of lanes.</summary>
    /// <param name="lows">64 low bytes.</param>
    /// <param name="numbers">64 bytes of two numbers each.</param>
    /// <param name="shift">0 for the numbers in the low halves of those bytes, 4 for the high ones.</param>
    /// <param name="highs">The sixteen high bytes that numbers stand for.</param>
    /// <param name="a0">Columns 0…15 of the first row.</param>
    /// <param name="a1">Columns 16…31 of the first row.</param>
    /// <param name="b0">Columns 0…15 of the second row.</param>
    /// <param name="b1">Columns 16…31 of the second row.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Unpack<TBlock>(byte* lows, byte* numbers, int shift, byte* highs, out TBlock a0, out TBlock a1, out TBlock b0, out TBlock b1)
        where TBlock : struct, IF32x16<TBlock>
    {
        if (typeof(TBlock) == typeof(F32x16V512))
        {
            V512(lows, numbers, shift, highs, out F32x16V512 c0, out F32x16V512 c1, out F32x16V512 d0, out F32x16V512 d1);
            (a0, a1) = (Unsafe.BitCast<F32x16V512, TBlock>(c0), Unsafe.BitCast<F32x16V512, TBlock>(c1));
            (b0, b1) = (Unsafe.BitCast<F32x16V512, TBlock>(d0), Unsafe.BitCast<F32x16V512, TBlock>(d1));
        }
        else if (typeof(TBlock) == typeof(F32x16V256))
        {
            V256(lows, numbers, shift, highs, out F32x16V256 c0, out F32x16V256 c1, out F32x16V256 d0, out F32x16V256 d1);
            (a0, a1) = (Unsafe.BitCast<F32x16V256, TBlock>(c0), Unsafe.BitCast<F32x16V256, TBlock>(c1));
            (b0, b1) = (Unsafe.BitCast<F32x16V256, TBlock>(d0), Unsafe.BitCast<F32x16V256, TBlock>(d1));
        }
        else if (typeof(TBlock) == typeof(F32x16V128))
        {
            V128(lows, numbers, shift, highs, out F32x16V128 c0, out F32x16V128 c1, out F32x16V128 d0, out F32x16V128 d1);
            (a0, a1) = (Unsafe.BitCast<F32x16V128, TBlock>(c0), Unsafe.BitCast<F32x16V128, TBlock>(c1));
            (b0, b1) = (Unsafe.BitCast<F32x16V128, TBlock>(d0), Unsafe.BitCast<F32x16V128, TBlock>(d1));
        }
        else
        {
            Scalar(lows, numbers, shift, highs, out F32x16Scalar c0, out F32x16Scalar c1, out F32x16Scalar d0, out F32x16Scalar d1);
            (a0, a1) = (Unsafe.BitCast<F32x16Scalar, TBlock>(c0), Unsafe.BitCast<F32x16Scalar, TBlock>(c1));
            (b0, b1) = (Unsafe.BitCast<F32x16Scalar, TBlock>(d0), Unsafe.BitCast<F32x16Scalar, TBlock>(d1));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void V512(byte* lows, byte* numbers, int shift, byte* highs, out F32x16V512 a0, out F32x16V512 a1, out F32x16V512 b0, out F32x16V512 b1)
    {
        Vector512<byte> table = Avx512F.BroadcastVector128ToVector512((uint*)highs).AsByte(), low = Vector512.Load(lows);
        Vector512<byte> number = (Vector512.Load(numbers).AsUInt16() >>> shift).AsByte() & Vector512.Create((byte)15);
        Vector512<byte> high = Avx512BW.Shuffle(table, number);
        Vector512<uint> a = Avx512BW.UnpackLow(low, high).AsUInt32(), b = Avx512BW.UnpackHigh(low, high).AsUInt32();
        Vector512<uint> upper = Vector512.Create(0xFFFF0000u);
        a0 = new((a << 16).AsSingle());
        a1 = new((a & upper).AsSingle());
        b0 = new((b << 16).AsSingle());
        b1 = new((b & upper).AsSingle());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void V256(byte* lows, byte* numbers, int shift, byte* highs, out F32x16V256 a0, out F32x16V256 a1, out F32x16V256 b0, out F32x16V256 b1)
    {
        Vector256<byte> table = Avx2.BroadcastVector128ToVector256(highs);
        (Vector256<uint> aLo, Vector256<uint> bLo) = Interleaved(lows, numbers, shift, table);
        (Vector256<uint> aHi, Vector256<uint> bHi) = Interleaved(lows + 32, numbers + 32, shift, table);
        Vector256<uint> upper = Vector256.Create(0xFFFF0000u);
        a0 = new((aLo << 16).AsSingle(), (aHi << 16).AsSingle());
        a1 = new((aLo & upper).AsSingle(), (aHi & upper).AsSingle());
        b0 = new((bLo << 16).AsSingle(), (bHi << 16).AsSingle());
        b1 = new((bLo & upper).AsSingle(), (bHi & upper).AsSingle());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void V128(byte* lows, byte* numbers, int shift, byte* highs, out F32x16V128 a0, out F32x16V128 a1, out F32x16V128 b0, out F32x16V128 b1)
    {
        Vector128<byte> table = Vector128.Load(highs);
        (Vector128<uint> aa, Vector128<uint> ba) = Interleaved(lows, numbers, shift, table);
        (Vector128<uint> ab, Vector128<uint> bb) = Interleaved(lows + 16, numbers + 16, shift, table);
        (Vector128<uint> ac, Vector128<uint> bc) = Interleaved(lows + 32, numbers + 32, shift, table);
        (Vector128<uint> ad, Vector128<uint> bd) = Interleaved(lows + 48, numbers + 48, shift, table);
        Vector128<uint> upper = Vector128.Create(0xFFFF0000u);
        a0 = new((aa << 16).AsSingle(), (ab << 16).AsSingle(), (ac << 16).AsSingle(), (ad << 16).AsSingle());
        a1 = new((aa & upper).AsSingle(), (ab & upper).AsSingle(), (ac & upper).AsSingle(), (ad & upper).AsSingle());
        b0 = new((ba << 16).AsSingle(), (bb << 16).AsSingle(), (bc << 16).AsSingle(), (bd << 16).AsSingle());
        b1 = new((ba & upper).AsSingle(), (bb & upper).AsSingle(), (bc & upper).AsSingle(), (bd & upper).AsSingle());
    }

    private static void Scalar(byte* lows, byte* numbers, int shift, byte* highs, out F32x16Scalar a0, out F32x16Scalar a1, out F32x16Scalar b0, out F32x16Scalar b1)
    {
        Unsafe.SkipInit(out a0);
        Unsafe.SkipInit(out a1);
        Unsafe.SkipInit(out b0);
        Unsafe.SkipInit(out b1);
        for (int i = 0; i < 16; i++)
        {
            int at = i / 4 * 16 + i % 4 * 2;
            a0[i] = Weight(at);
            a1[i] = Weight(at + 1);
            b0[i] = Weight(at + 8);
            b1[i] = Weight(at + 9);
        }

        float Weight(int at) => Bfloat16.ToSingle((ushort)(highs[numbers[at] >> shift & 15] << 8 | lows[at]));
    }

    /// <summary>Low and high bytes side by side: of each 32 bits, the lower half is a weight of the first sixteen columns.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector256<uint> A, Vector256<uint> B) Interleaved(byte* lows, byte* numbers, int shift, Vector256<byte> table)
    {
        Vector256<byte> low = Vector256.Load(lows), number = (Vector256.Load(numbers).AsUInt16() >>> shift).AsByte() & Vector256.Create((byte)15);
        Vector256<byte> high = Avx2.Shuffle(table, number);
        return (Avx2.UnpackLow(low, high).AsUInt32(), Avx2.UnpackHigh(low, high).AsUInt32());
    }

    /// <summary>Low and high bytes side by side: of each 32 bits, the lower half is a weight of the first sixteen columns.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector128<uint> A, Vector128<uint> B) Interleaved(byte* lows, byte* numbers, int shift, Vector128<byte> table)
    {
        Vector128<byte> low = Vector128.Load(lows), number = (Vector128.Load(numbers) >>> shift) & Vector128.Create((byte)15);
        (Vector128<ushort> a, Vector128<ushort> b) = LaneSteps.Interleave(low, Vector128.ShuffleNative(table, number));
        return (a.AsUInt32(), b.AsUInt32());
    }
}
