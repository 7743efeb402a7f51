using System.Runtime.InteropServices;
using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Model;

namespace GptOss.Reference.Cuda;

/// <summary>
/// What kernels ask about the tokens of a chunk: angles, positions, and for each layer where the pages of their sequences are. One copy to the card
/// a chunk, in one buffer: [angles | addresses of lists: layer, token | lists of pages | positions].
/// </summary>
/// <param name="config">The model's numbers.</param>
/// <param name="memory">The card's memory.</param>
internal sealed class Step(GptOssConfig config, Allocations memory)
{
    private byte[] _bytes = [];
    private ulong _address;
    private int _tokens, _mostKeys, _tables, _positions;

    /// <summary>[tokens, [cosines | sines]], half a head each.</summary>
    internal ulong Turns => _address;

    /// <summary>The tokens as one layer sees them.</summary>
    internal DeviceTokens Tokens(int layer) =>
        new(_tokens, _address + (ulong)_positions, _address + (ulong)(_tables + sizeof(ulong) * layer * _tokens), _mostKeys);

    /// <summary>Puts a chunk's on the card.</summary>
    internal void Begin(Chunk chunk)
    {
        List<Sequence> sequences = Distinct(chunk);
        int layers = config.NumHiddenLayers;
        _tokens = chunk.Count;
        _tables = sizeof(float) * chunk.Rotation.Length;
        int lists = _tables + sizeof(ulong) * layers * _tokens;
        int pages = sequences.Sum(sequence => Enumerable.Range(0, layers).Sum(layer => Cache(sequence, layer).PageCount));
        _positions = lists + sizeof(ulong) * pages;
        Reserve(_positions + sizeof(int) * _tokens);

        MemoryMarshal.AsBytes(chunk.Rotation).CopyTo(_bytes);
        Span<ulong> tables = MemoryMarshal.Cast<byte, ulong>(_bytes.AsSpan(_tables, sizeof(ulong) * layers * _tokens));
        Span<ulong> list = MemoryMarshal.Cast<byte, ulong>(_bytes.AsSpan(lists, sizeof(ulong) * pages));
        ulong at = _address + (ulong)lists;
        foreach (Sequence sequence in sequences)
        {
            for (int layer = 0; layer < layers; layer++)
            {
                CudaCache cache = Cache(sequence, layer);
                cache.WriteAddresses(list);
                for (int token = 0; token < _tokens; token++)
                {
                    if (chunk.Origins[token].Sequence == sequence)
                        tables[layer * _tokens + token] = at;
                }
                list = list[cache.PageCount..];
                at += sizeof(ulong) * (ulong)cache.PageCount;
            }
        }
        Span<int> positions = MemoryMarshal.Cast<byte, int>(_bytes.AsSpan(_positions, sizeof(int) * _tokens));
        _mostKeys = 0;
        for (int token = 0; token < _tokens; token++)
        {
            positions[token] = chunk.Origins[token].Position;
            _mostKeys = Math.Max(_mostKeys, positions[token] + 1);
        }
        memory.Gpu.Upload(_bytes.AsSpan(0, _positions + sizeof(int) * _tokens), _address);
    }

    private static CudaCache Cache(Sequence sequence, int layer) => (CudaCache)sequence.Cache(layer);

    private static List<Sequence> Distinct(Chunk chunk)
    {
        List<Sequence> found = [];
        foreach (RowOrigin origin in chunk.Origins)
        {
            if (found is not [.., var last] || last != origin.Sequence)        // a sequence's tokens follow each other
                found.Add(origin.Sequence);
        }
        return found;
    }

    private void Reserve(int bytes)
    {
        if (_bytes.Length >= bytes)
            return;
        if (_address != 0)
            memory.Free(_address);
        _bytes = new byte[Math.Max(bytes, 2 * _bytes.Length)];
        _address = memory.Allocate(_bytes.Length);
    }
}
