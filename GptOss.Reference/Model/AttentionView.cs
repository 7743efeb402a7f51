using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Numerics.Attention;
using GptOss.Reference.Numerics.Buffers;

namespace GptOss.Reference.Model;

/// <summary>Shows observers what each head gives to each key and to its sink: a second computation, only for observers that ask for it.</summary>
internal sealed class AttentionView(float[] sinks, GptOssConfig config, int layer, AttentionKernels kernels)
{
    private readonly int? _window = config.WindowOf(layer);

    /// <summary>Shows the shares of every token that the observer wants, one head at a time.</summary>
    /// <param name="q">Rotated queries, [tokens, heads·headDim].</param>
    /// <param name="chunk">The tokens, whose keys are cached in this process's memory.</param>
    /// <param name="observer">Receives the shares.</param>
    internal void Show<TObserver>(Rows q, Chunk chunk, ref TObserver observer) where TObserver : struct, IStageObserver
    {
        if (TObserver.IsActive && TObserver.SeesAttention)
            Show(q, chunk, chunk.QueriesOf(layer), ref observer);
    }

    /// <summary>The same for keys that are where <paramref name="queries"/> say.</summary>
    internal void Show<TObserver>(Rows q, Chunk chunk, QueryRow[] queries, ref TObserver observer) where TObserver : struct, IStageObserver
    {
        float[] probabilities = [];
        for (int row = 0; row < q.Count; row++)
        {
            if (!observer.WantsAttention(layer, chunk.Origins[row]))
                continue;
            int keys = queries[row].Keys(_window);
            if (probabilities.Length < keys)
                probabilities = new float[keys];
            Span<float> shares = probabilities.AsSpan(0, keys);
            for (int head = 0; head < config.NumAttentionHeads; head++)
            {
                ReadOnlySpan<float> query = q[row].Slice(head * config.HeadDim, config.HeadDim);
                float sink = kernels.Probabilities(queries[row], query, head / config.QueriesPerKeyValueHead, sinks[head], shares);
                observer.ObserveAttention(layer, chunk.Origins[row], head, shares, sink);
            }
        }
    }
}
