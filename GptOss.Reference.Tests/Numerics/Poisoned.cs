using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Numerics.Lanes;
using Xunit;

namespace GptOss.Reference.Tests.Numerics;

/// <summary>
/// Rows in a sea of NaN: before the first, between the rows and after the last. A kernel that reads beyond its rows computes NaN; one that
/// writes there is found by <see cref="RequireUntouched"/>.
/// </summary>
internal sealed class Poisoned
{
    private const uint Poison = 0x7FC5A5A5;
    private const int Margin = 48;

    private readonly float[] _memory;
    private readonly int _start, _count, _width, _stride, _pad;

    /// <summary>Rows that begin <paramref name="offset"/> floats off whatever alignment the memory has.</summary>
    /// <param name="count">Rows.</param>
    /// <param name="width">Elements of a row.</param>
    /// <param name="stride">Elements between row starts; by default a few more than the padded width.</param>
    /// <param name="offset">Misalignment in elements.</param>
    internal Poisoned(int count, int width, int? stride = null, int offset = 1)
    {
        int padded = (width + 15) & ~15;
        (_count, _width, _stride, _start, _pad) = (count, width, stride ?? padded + 5, Margin + offset, padded - width);
        _memory = new float[_start + count * _stride + padded + Margin];
        Array.Fill(_memory, BitConverter.UInt32BitsToSingle(Poison));
    }

    /// <summary>The same, filled row after row.</summary>
    internal Poisoned(float[][] rows, int? stride = null, int offset = 1, int widthOfNone = 0)
        : this(rows.Length, rows.Length == 0 ? widthOfNone : rows[0].Length, stride, offset)
    {
        for (int row = 0; row < rows.Length; row++)
            rows[row].CopyTo(Rows[row]);
    }

    internal Rows Rows => new(_memory.AsSpan(_start, _memory.Length - _start - Margin), _count, _width, _stride);

    /// <summary>Fails if anything but the rows was written.</summary>
    /// <param name="paddingMayBeCleared">Whether the rest of a row's last block may have become zero.</param>
    internal void RequireUntouched(bool paddingMayBeCleared = false)
    {
        for (int i = 0; i < _memory.Length; i++)
        {
            int at = i - _start, row = at < 0 ? -1 : Math.Min(at / _stride, _count - 1), column = at - row * _stride;
            bool live = row >= 0 && column < _width, padding = row >= 0 && !live && column < _width + _pad;
            uint bits = BitConverter.SingleToUInt32Bits(_memory[i]);
            if (!live && bits != Poison && !(padding && paddingMayBeCleared && bits == 0))
                Assert.Fail($"Element {column} of row {row} lies outside the {_count} × {_width} rows and became {bits:X8}.");
        }
    }
}

/// <summary>Seeded numbers for tests.</summary>
internal sealed class Numbers(int seed)
{
    private static readonly float[] Special =
    [
        0f, -0f, float.Epsilon, -float.Epsilon, 1.17549421e-38f, 1.17549435e-38f, float.PositiveInfinity, float.NegativeInfinity, float.NaN,
        float.MaxValue, float.MinValue, 1f, -1f, 88.72283f, 88.72284f, -87.33654f, -87.33655f, 3.3961775e38f, 1e-20f, -1e20f,
    ];

    private readonly Random _random = new(seed);

    internal static ReadOnlySpan<float> Specials => Special;

    internal int Below(int n) => _random.Next(n);

    /// <summary>About normal, of unit size.</summary>
    internal float Next() => (float)(_random.NextDouble() + _random.NextDouble() + _random.NextDouble() + _random.NextDouble() - 2) * 1.7f;

    internal float[] Floats(int count, float scale = 1, bool bfloat16 = false)
    {
        float[] values = new float[count];
        for (int i = 0; i < count; i++)
            values[i] = bfloat16 ? Bfloat16.Round(Next() * scale) : Next() * scale;
        return values;
    }

    internal float[][] Rows(int count, int width, float scale = 1, bool bfloat16 = false)
    {
        float[][] rows = new float[count][];
        for (int i = 0; i < count; i++)
            rows[i] = Floats(width, scale, bfloat16);
        return rows;
    }

    /// <summary>Replaces about one value in <paramref name="every"/> by a special one.</summary>
    internal float[][] WithSpecials(float[][] rows, int every)
    {
        foreach (float[] row in rows)
        {
            for (int i = 0; i < row.Length; i++)
            {
                if (Below(every) == 0)
                    row[i] = Special[Below(Special.Length)];
            }
        }
        return rows;
    }

    internal ushort[] Bf16(int count, float scale = 1)
    {
        ushort[] bits = new ushort[count];
        for (int i = 0; i < count; i++)
            bits[i] = Bfloat16.FromSingle(Next() * scale);
        return bits;
    }

    /// <summary>Any bit pattern whatever, NaN and infinity included.</summary>
    internal ushort[] AnyBf16(int count)
    {
        byte[] bytes = Bytes(2 * count);
        return System.Runtime.InteropServices.MemoryMarshal.Cast<byte, ushort>(bytes).ToArray();
    }

    internal byte[] Bytes(int count)
    {
        byte[] bytes = new byte[count];
        _random.NextBytes(bytes);
        return bytes;
    }

    /// <summary>Scale bytes around 2^−6, as a model has them.</summary>
    internal byte[] Scales(int count)
    {
        byte[] scales = new byte[count];
        for (int i = 0; i < count; i++)
            scales[i] = (byte)(119 + Below(5));
        return scales;
    }
}
