using System.Numerics;
using System.Runtime.InteropServices;
using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Model;

namespace GptOss.Reference.Cuda;

/// <summary>
/// What kernels ask about the tokens of a chunk: angles, positions, and for each layer where the lists of the pages of their sequences are. One
/// copy to the card a chunk, into one buffer: [angles | positions | addresses of lists: layer, token]. All that changes from token to token is here
/// and in the lists, so the launches for as many tokens are the same from one to the next.
/// </summary>
internal sealed class Step
{
    private readonly GptOssConfig _config;
    private readonly Gpu _gpu;
    private readonly byte[] _bytes;
    private readonly ulong _address;
    private int _tokens;

    /// <summary>Room for as many tokens as pass together.</summary>
    internal Step(GptOssConfig config, Allocations memory)
    {
        (_config, _gpu) = (config, memory.Gpu);
        _bytes = new byte[Bytes(config, ModelLimits.ChunkTokens(config))];
        _address = memory.Allocate(_bytes.Length);
    }

    /// <summary>
    /// The most positions that a token sees without a window. For few tokens it is the next power of two, so that it rarely changes: kernels look at
    /// the tokens' own positions, and blocks beyond those leave at once.
    /// </summary>
    internal int MostKeys { get; private set; }

    /// <summary>[tokens, [cosines | sines]], half a head each.</summary>
    internal ulong Turns => _address;

    /// <summary>The tokens as one layer sees them.</summary>
    internal DeviceTokens Tokens(int layer) => new(_tokens, _address + (ulong)PositionsAt(_config, _tokens),
        _address + (ulong)(TablesAt(_config, _tokens) + sizeof(ulong) * layer * _tokens), MostKeys);

    /// <summary>Puts a chunk's on the card.</summary>
    internal void Begin(Chunk chunk)
    {
        _tokens = chunk.Count;
        MemoryMarshal.AsBytes(chunk.Rotation).CopyTo(_bytes);
        Span<int> positions = MemoryMarshal.Cast<byte, int>(_bytes.AsSpan(PositionsAt(_config, _tokens)))[.._tokens];
        Span<ulong> tables = MemoryMarshal.Cast<byte, ulong>(_bytes.AsSpan(TablesAt(_config, _tokens)));
        int most = 0;
        for (int token = 0, end; token < _tokens; token = end)
        {
            Sequence sequence = chunk.Origins[token].Sequence;
            for (end = token; end < _tokens && chunk.Origins[end].Sequence == sequence; end++)      // a sequence's tokens follow each other
            {
                positions[end] = chunk.Origins[end].Position;
                most = Math.Max(most, positions[end] + 1);
            }
            for (int layer = 0; layer < _config.NumHiddenLayers; layer++)
                tables[(layer * _tokens + token)..(layer * _tokens + end)].Fill(((CudaCache)sequence.Cache(layer)).UpdateList());
        }
        MostKeys = _tokens > DeviceKernels.FewTokens ? most
            : Math.Min(_config.MaxPositions, Math.Max(DeviceKernels.LeastKeys, (int)BitOperations.RoundUpToPowerOf2((uint)most)));
        _gpu.Upload(_bytes.AsSpan(0, Bytes(_config, _tokens)), _address);
    }

    private static int PositionsAt(GptOssConfig config, int tokens) => sizeof(float) * tokens * config.HeadDim;

    // Positions take an even number of places, for addresses are of eight bytes.
    private static int TablesAt(GptOssConfig config, int tokens) => PositionsAt(config, tokens) + sizeof(int) * ((tokens + 1) & ~1);

    private static int Bytes(GptOssConfig config, int tokens) => TablesAt(config, tokens) + sizeof(ulong) * config.NumHiddenLayers * tokens;
}
