using System.Buffers.Binary;
using System.Numerics;

namespace GptOss.Reference.Tokens;

/// <summary>The ordinary tokens: byte strings and their ids, where an id is also the rank of the merge that makes the token.</summary>
/// <remarks>
/// All bytes lie in one array; look-up is open addressing over hashes of spans, so that a candidate never becomes an object. A slot is
/// the upper half of a hash and id + 1. The hash is seeded per process, because a vocabulary file may be hostile; ids do not depend on it.
/// </remarks>
internal sealed class TokenTable
{
    private const ulong Multiplier = 0x9E3779B97F4A7C15;
    private static readonly ulong Seed = (ulong)Random.Shared.NextInt64();

    private readonly byte[] _bytes;
    private readonly Range32[] _ranges;
    private readonly ulong[] _slots;
    private readonly int[] _byteIds = new int[256];

    /// <summary>Where a token's bytes lie in the common array, in bytes.</summary>
    internal readonly record struct Range32(int Start, int Length);

    private TokenTable(byte[] bytes, Range32[] ranges)
    {
        _bytes = bytes;
        _ranges = ranges;
        _slots = new ulong[BitOperations.RoundUpToPowerOf2((uint)ranges.Length * 2 + 2)];
        Array.Fill(_byteIds, -1);
    }

    /// <summary>Number of tokens; their ids are 0 … Count − 1.</summary>
    internal int Count => _ranges.Length;

    /// <summary>Length of the longest token, in bytes.</summary>
    internal int LongestBytes { get; private set; }

    /// <summary>Builds a table from the tokens in id order, or names two ids that have the same bytes.</summary>
    internal static bool TryBuild(byte[] bytes, Range32[] ranges, out TokenTable table, out (int First, int Second) duplicate)
    {
        table = new TokenTable(bytes, ranges);
        duplicate = default;
        for (int id = 0; id < ranges.Length; id++)
        {
            ReadOnlySpan<byte> token = table.Bytes(id).Span;
            int same = table.Add(token, id);
            if (same >= 0)
            {
                duplicate = (same, id);
                return false;
            }

            table.LongestBytes = Math.Max(table.LongestBytes, token.Length);
            if (token.Length == 1) table._byteIds[token[0]] = id;
        }

        return true;
    }

    /// <summary>Whether another table gives every id the same bytes.</summary>
    internal bool HasSameTokens(TokenTable other)
    {
        if (other.Count != Count)
            return false;
        for (int id = 0; id < Count; id++)
        {
            if (!Bytes(id).Span.SequenceEqual(other.Bytes(id).Span))
                return false;
        }
        return true;
    }

    /// <summary>The first byte that is not a token by itself, or −1: with all 256 present every text can be encoded.</summary>
    internal int FirstMissingByte() => Array.IndexOf(_byteIds, -1);

    /// <summary>The id of the token that is the single byte <paramref name="value"/>.</summary>
    internal int ByteId(byte value) => _byteIds[value];

    /// <summary>The bytes of token <paramref name="id"/>, which must be in range.</summary>
    internal ReadOnlyMemory<byte> Bytes(int id) => _bytes.AsMemory(_ranges[id].Start, _ranges[id].Length);

    /// <summary>The id of the token with exactly these bytes, or −1.</summary>
    internal int Find(ReadOnlySpan<byte> token)
    {
        if (token.Length > LongestBytes) return -1;
        ulong hash = Hash(token);
        for (uint at = (uint)hash & Mask; ; at = (at + 1) & Mask)
        {
            ulong slot = _slots[at];
            if (slot == 0) return -1;
            if (Matches(slot, hash, token)) return IdOf(slot);
        }
    }

    private uint Mask => (uint)_slots.Length - 1;

    private static int IdOf(ulong slot) => (int)(uint)slot - 1;

    private bool Matches(ulong slot, ulong hash, ReadOnlySpan<byte> token) =>
        slot >> 32 == hash >> 32 && Bytes(IdOf(slot)).Span.SequenceEqual(token);

    // Returns the id that already has these bytes, or −1 after adding them.
    private int Add(ReadOnlySpan<byte> token, int id)
    {
        ulong hash = Hash(token);
        uint at = (uint)hash & Mask;
        for (; _slots[at] != 0; at = (at + 1) & Mask)
        {
            if (Matches(_slots[at], hash, token)) return IdOf(_slots[at]);
        }

        _slots[at] = hash & 0xFFFF_FFFF_0000_0000 | (uint)(id + 1);
        return -1;
    }

    private static ulong Hash(ReadOnlySpan<byte> token)
    {
        ulong hash = Seed ^ (ulong)token.Length * Multiplier;
        while (token.Length >= 8)
        {
            hash = Mix(hash ^ BinaryPrimitives.ReadUInt64LittleEndian(token));
            token = token[8..];
        }

        ulong rest = 0;
        for (int i = token.Length - 1; i >= 0; i--) rest = rest << 8 | token[i];
        return Mix(hash ^ rest);
    }

    private static ulong Mix(ulong value)
    {
        value = (value ^ value >> 32) * Multiplier;
        return value ^ value >> 29;
    }
}
