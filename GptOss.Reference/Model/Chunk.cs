using GptOss.Reference.Model.Stages;
using GptOss.Reference.Numerics.Attention;
using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Numerics.RowKernels;

namespace GptOss.Reference.Model;

/// <summary>The tokens that pass through the layers together: whose they are, where they stand, and how their heads turn there.</summary>
internal sealed class Chunk(int headDim)
{
    private readonly QueryRow[] _queries = new QueryRow[Sequence.ChunkTokens];
    private readonly RowOrigin[] _origins = new RowOrigin[Sequence.ChunkTokens];
    private readonly int[] _tokens = new int[Sequence.ChunkTokens];
    private Memory<float> _rotation;

    /// <summary>Number of tokens.</summary>
    internal int Count { get; private set; }

    /// <summary>The token ids.</summary>
    internal ReadOnlySpan<int> Tokens => _tokens.AsSpan(0, Count);

    /// <summary>Sequence and position of each token.</summary>
    internal ReadOnlySpan<RowOrigin> Origins => _origins.AsSpan(0, Count);

    /// <summary>[n, headDim / 2].</summary>
    internal Rows Cosines => new(_rotation.Span, Count, headDim / 2, headDim);

    /// <summary>[n, headDim / 2].</summary>
    internal Rows Sines => new(_rotation.Span[(headDim / 2)..], Count, headDim / 2, headDim);

    /// <summary>Starts anew, and holds on to no sequence: a cache may take gigabytes.</summary>
    internal void Clear()
    {
        Array.Clear(_queries, 0, Count);
        Array.Clear(_origins, 0, Count);
        Count = 0;
    }

    /// <summary>Adds consecutive tokens of one sequence, the first at <paramref name="position"/>.</summary>
    internal void Add(Sequence sequence, int position, ReadOnlySpan<int> tokens, RotaryTable rotary)
    {
        if (_rotation.Length < (Count + tokens.Length) * headDim)
        {
            Memory<float> grown = new float[Math.Max((Count + tokens.Length) * headDim, 2 * _rotation.Length)];
            _rotation.CopyTo(grown);
            _rotation = grown;
        }
        foreach (int token in tokens)
        {
            Span<float> row = _rotation.Span.Slice(Count * headDim, headDim);
            rotary.At(position, row[..(headDim / 2)], row[(headDim / 2)..]);
            _tokens[Count] = token;
            _origins[Count++] = new(sequence, position++);
        }
    }

    /// <summary>The query rows of <paramref name="layer"/>.</summary>
    internal QueryRow[] QueriesOf(int layer)
    {
        for (int i = 0; i < Count; i++)
            _queries[i] = new(_origins[i].Sequence.HostCache(layer), _origins[i].Position);
        return _queries;
    }
}
