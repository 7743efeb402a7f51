using System.Runtime.InteropServices;
using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Ground;
using GptOss.Reference.Numerics.Lanes;

namespace GptOss.Reference.Oracle.Synthetic;

/// <summary>One tensor of a synthetic checkpoint: its bytes are a pure function of seed, name and position.</summary>
/// <remarks>
/// <para>word(i) = mix64(key + (i + 1) · 0x9E3779B97F4A7C15), key = mix64(seed) xor fnv1a64(name), all modulo 2⁶⁴; the bytes are the words,
/// little-endian.</para>
/// <para>Blocks are these bytes. A scale is base − 1 + byte mod 3. A bfloat16 is bf16(offset + (2u − 65535) · amplitude / 65536), u the next two
/// bytes, every step in float32: so it takes one of 65,536 values, which are in a table.</para>
/// <para>Source: testdata/goldens/recipe/synthetic.py, which defines every checkpoint behind a golden.</para>
/// </remarks>
internal sealed class SyntheticTensor
{
    private const int PieceBytes = 32 << 10;                                   // generated and mapped while in the first-level cache

    private readonly ulong _key;
    private readonly ushort[]? _bf16;                                          // u → bits
    private readonly byte[]? _scales;                                          // byte → scale

    private SyntheticTensor(ulong key, ushort[]? bf16, byte[]? scales) => (_key, _bf16, _scales) = (key, bf16, scales);

    /// <summary>Builds tensors of one checkpoint; those of equal amplitude and offset share a table.</summary>
    internal sealed class Source(GptOssConfig config, ulong seed)
    {
        private readonly Dictionary<(float, float), ushort[]> _tables = [];

        internal SyntheticTensor Tensor(string name)
        {
            ulong key = SplitMix64.Mix(seed) ^ Fnv1a64(name);
            string kind = name.StartsWith("block.", StringComparison.Ordinal) ? name[(name.IndexOf('.', 6) + 1)..] : name;
            if (kind.EndsWith(".blocks", StringComparison.Ordinal))
                return new SyntheticTensor(key, null, null);
            if (kind.EndsWith(".scales", StringComparison.Ordinal))
                return new SyntheticTensor(key, null, Scales(kind == "mlp.mlp1_weight.scales" ? config.HiddenSize : config.IntermediateSize));
            (float amplitude, float offset) = Range(kind);
            if (!_tables.TryGetValue((amplitude, offset), out ushort[]? table))
                _tables.Add((amplitude, offset), table = Bf16(amplitude, offset));
            return new SyntheticTensor(key, table, null);
        }

        private (float Amplitude, float Offset) Range(string kind) => kind switch
        {
            TensorNames.Embedding => (1, 0),
            "attn.norm.scale" or "mlp.norm.scale" or TensorNames.FinalNorm => (0.25f, 1),
            "attn.qkv.weight" => (Unit(config.HiddenSize), 0),
            "attn.qkv.bias" => (0.125f, 0),
            "attn.sinks" => (2, 0),
            "attn.out.weight" => (Unit((long)config.NumAttentionHeads * config.HeadDim) / 2, 0),
            "attn.out.bias" => (0.0625f, 0),
            "mlp.gate.weight" => (2 * Unit(config.HiddenSize), 0),
            "mlp.gate.bias" or "mlp.mlp1_bias" => (0.5f, 0),
            "mlp.mlp2_bias" => (0.25f, 0),
            TensorNames.Unembedding => (4 * Unit(config.HiddenSize), 0),
            _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "Not a tensor of the original layout."),
        };
    }

    /// <summary>Fills <paramref name="target"/> with the tensor's bytes from <paramref name="position"/> on.</summary>
    /// <param name="position">In bytes; a multiple of 8.</param>
    /// <param name="target">Its start must be 8-byte aligned for speed only.</param>
    internal void Fill(long position, Span<byte> target)
    {
        for (int at = 0; at < target.Length; at += PieceBytes)
        {
            Span<byte> piece = target.Slice(at, Math.Min(PieceBytes, target.Length - at));
            Words((ulong)(position + at) / 8, piece);
            if (_bf16 is { } bf16)
            {
                foreach (ref ushort u in MemoryMarshal.Cast<byte, ushort>(piece))
                    u = bf16[u];
            }
            else if (_scales is { } scales)
            {
                foreach (ref byte b in piece)
                    b = scales[b];
            }
        }
    }

    private void Words(ulong first, Span<byte> bytes)
    {
        ulong z = unchecked(_key + (first + 1) * SplitMix64.Step);
        foreach (ref ulong word in MemoryMarshal.Cast<byte, ulong>(bytes))
        {
            word = SplitMix64.Mix(z);
            z = unchecked(z + SplitMix64.Step);
        }
        Span<byte> tail = bytes[(bytes.Length & ~7)..];
        ulong last = SplitMix64.Mix(z);
        for (int i = 0; i < tail.Length; i++)
            tail[i] = (byte)(last >> (8 * i));
    }

    /// <summary>The only seed that can have made a tensor of words, such as blocks, from its first eight bytes.</summary>
    internal static ulong SeedOf(string name, ReadOnlySpan<byte> start) =>
        unchecked(SplitMix64.Unmix((SplitMix64.Unmix(MemoryMarshal.Read<ulong>(start)) - SplitMix64.Step) ^ Fnv1a64(name)));

    private static ulong Fnv1a64(string name)
    {
        ulong h = 0xCBF29CE484222325;
        foreach (byte b in System.Text.Encoding.UTF8.GetBytes(name))
            h = unchecked((h ^ b) * 0x100000001B3);
        return h;
    }

    /// <summary>2ᵏ, k the largest integer with fan_in · 4ᵏ at most 6.</summary>
    private static float Unit(long fanIn)
    {
        int k = 1;
        while (fanIn * Math.Pow(4, k) > 6)
            k--;
        return MathF.ScaleB(1, k);
    }

    /// <summary>byte → 127 − k − 1 + byte mod 3, k the largest integer with 8 · 4ᵏ at most 137 · fan_in.</summary>
    private static byte[] Scales(long fanIn)
    {
        int k = 0;
        while (8L << (2 * (k + 1)) <= 137 * fanIn)
            k++;
        return [.. Enumerable.Range(0, 256).Select(b => (byte)(127 - k - 1 + b % 3))];
    }

    private static ushort[] Bf16(float amplitude, float offset)
    {
        ushort[] table = new ushort[1 << 16];
        for (int u = 0; u < table.Length; u++)
            table[u] = Bfloat16.FromSingle(offset + (2 * u - 65535) * (amplitude / 65536));
        return table;
    }
}
