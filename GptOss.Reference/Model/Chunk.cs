using System.Runtime.InteropServices;
using GptOss.Reference.Numerics.Attention;
using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Numerics.Caches;
using GptOss.Reference.Numerics.RowKernels;

namespace GptOss.Reference.Model;

/// <summary>Tokens that pass through the layers together, of one sequence or of many, and what the blocks ask about each of them.</summary>
/// <param name="rotary">The angles by which heads turn.</param>
/// <param name="headDim">Channels of a head.</param>
/// <param name="capacity">The most tokens.</param>
internal sealed class Chunk(RotaryTable rotary, int headDim, int capacity)
{
    private readonly int[] _tokens = new int[capacity];
    private readonly RowOrigin[] _origins = new RowOrigin[capacity];
    private readonly QueryRow[] _queries = new QueryRow[capacity];
    private readonly List<int> _wanted = [];
    private readonly List<RowOrigin> _wantedOrigins = [];
    private Memory<float> _rotation;

    /// <summary>Number of tokens.</summary>
    internal int Count { get; private set; }

    /// <summary>How many more tokens there is room for.</summary>
    internal int Room => capacity - Count;

    /// <summary>The token ids.</summary>
    internal ReadOnlySpan<int> Tokens => _tokens.AsSpan(0, Count);

    /// <summary>Sequence and position of each token.</summary>
    internal ReadOnlySpan<RowOrigin> Origins => _origins.AsSpan(0, Count);

    /// <summary>The tokens whose logits are wanted, ascending.</summary>
    internal ReadOnlySpan<int> Wanted => CollectionsMarshal.AsSpan(_wanted);

    /// <summary>Sequence and position of each token whose logits are wanted.</summary>
    internal ReadOnlySpan<RowOrigin> WantedOrigins => CollectionsMarshal.AsSpan(_wantedOrigins);

    /// <summary>[n, headDim]: of each token its cosines, then its sines.</summary>
    internal ReadOnlySpan<float> Rotation => _rotation.Span[..(Count * headDim)];

    /// <summary>[n, headDim / 2].</summary>
    internal Rows Cosines => new(_rotation.Span, Count, headDim / 2, headDim);

    /// <summary>[n, headDim / 2].</summary>
    internal Rows Sines => new(_rotation.Span[(headDim / 2)..], Count, headDim / 2, headDim);

    /// <summary>
    /// Adds the tokens <paramref name="from"/> … + <paramref name="count"/> − 1 of an item, at the next positions of its sequence, and makes room for
    /// their keys and values.
    /// </summary>
    internal void Add(BatchItem item, int from, int count)
    {
        Sequence sequence = item.Sequence;
        sequence.Reserve(count);
        GrowRotation(Count + count);
        for (int offset = from, position = sequence.Length; offset < from + count; offset++, position++, Count++)
        {
            RowOrigin origin = new(sequence, position);
            if (item.Logits.Contains(offset, item.Tokens.Length))
            {
                _wanted.Add(Count);
                _wantedOrigins.Add(origin);
            }
            (_tokens[Count], _origins[Count]) = (item.Tokens.Span[offset], origin);
            Span<float> row = _rotation.Span.Slice(Count * headDim, headDim);
            rotary.At(position, row[..(headDim / 2)], row[(headDim / 2)..]);
        }
    }

    /// <summary>Stores the keys and values of all tokens in the caches of their sequences.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="k">Rotated keys, [n, kvHeads·headDim].</param>
    /// <param name="v">Values, [n, kvHeads·headDim].</param>
    internal void Cache(int layer, Rows k, Rows v)
    {
        for (int row = 0; row < Count; row++)
            ((HostCache)_origins[row].Sequence.Cache(layer)).Write(_origins[row].Position, k[row], v[row]);
    }

    /// <summary>For each token, where its keys are in <paramref name="layer"/> and how far it sees.</summary>
    internal QueryRow[] QueriesOf(int layer)
    {
        for (int i = 0; i < Count; i++)
            _queries[i] = new((HostCache)_origins[i].Sequence.Cache(layer), _origins[i].Position);
        return _queries;
    }

    /// <summary>Counts the tokens into their sequences, once every layer has cached them.</summary>
    internal void Commit()
    {
        foreach (RowOrigin origin in Origins)
            origin.Sequence.Commit(1);
    }

    /// <summary>Removes all tokens, and every reference to their sequences: a cache may take gigabytes.</summary>
    internal void Clear()
    {
        Array.Clear(_queries, 0, Count);
        Array.Clear(_origins, 0, Count);
        _wanted.Clear();
        _wantedOrigins.Clear();
        Count = 0;
    }

    private void GrowRotation(int tokens)
    {
        if (_rotation.Length >= tokens * headDim)
            return;
        Memory<float> grown = new float[Math.Max(tokens * headDim, 2 * _rotation.Length)];
        _rotation.CopyTo(grown);
        _rotation = grown;
    }
}
