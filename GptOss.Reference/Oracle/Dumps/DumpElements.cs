using System.Runtime.InteropServices;
using GptOss.Reference.Checkpoints.Storage;
using GptOss.Reference.Numerics.Lanes;

namespace GptOss.Reference.Oracle.Dumps;

/// <summary>Element types that dumps are read in, widened to float and double.</summary>
internal static class DumpElements
{
    /// <summary>Whether such elements are read at all.</summary>
    internal static bool AreRead(DType type) => type is DType.F16 or DType.BF16 or DType.F32 or DType.F64 or DType.BOOL
        or DType.I8 or DType.U8 or DType.I16 or DType.U16 or DType.I32 or DType.U32 or DType.I64 or DType.U64;

    internal static int Bytes(DType type) => type.Bits() / 8;

    internal static void Read(DType type, ReadOnlySpan<byte> bytes, Span<float> values)
    {
        switch (type)
        {
            case DType.F32:
                MemoryMarshal.Cast<byte, float>(bytes).CopyTo(values);
                break;
            case DType.BF16:
                Convert<ushort, float>(bytes, values, Bfloat16.ToSingle);
                break;
            case DType.F16:
                Convert<Half, float>(bytes, values, v => (float)v);
                break;
            default:
                double[] wide = new double[values.Length];
                Read(type, bytes, wide);
                for (int i = 0; i < wide.Length; i++)
                    values[i] = (float)wide[i];
                break;
        }
    }

    internal static void Read(DType type, ReadOnlySpan<byte> bytes, Span<double> values)
    {
        switch (type)
        {
            case DType.F64: MemoryMarshal.Cast<byte, double>(bytes).CopyTo(values); break;
            case DType.F32: Convert<float, double>(bytes, values, v => v); break;
            case DType.BF16: Convert<ushort, double>(bytes, values, v => Bfloat16.ToSingle(v)); break;
            case DType.F16: Convert<Half, double>(bytes, values, v => (double)v); break;
            case DType.I8: Convert<sbyte, double>(bytes, values, v => v); break;
            case DType.BOOL or DType.U8: Convert<byte, double>(bytes, values, v => v); break;
            case DType.I16: Convert<short, double>(bytes, values, v => v); break;
            case DType.U16: Convert<ushort, double>(bytes, values, v => v); break;
            case DType.I32: Convert<int, double>(bytes, values, v => v); break;
            case DType.U32: Convert<uint, double>(bytes, values, v => v); break;
            case DType.I64: Convert<long, double>(bytes, values, v => v); break;
            case DType.U64: Convert<ulong, double>(bytes, values, v => v); break;
            default: throw new ArgumentOutOfRangeException(nameof(type), type, "Not an element type that is read.");
        }
    }

    private static void Convert<T, TWide>(ReadOnlySpan<byte> bytes, Span<TWide> values, Func<T, TWide> widen) where T : unmanaged
    {
        ReadOnlySpan<T> from = MemoryMarshal.Cast<byte, T>(bytes);
        for (int i = 0; i < values.Length; i++)
            values[i] = widen(from[i]);
    }
}
