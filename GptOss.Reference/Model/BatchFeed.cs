using GptOss.Reference.Numerics.Buffers;

namespace GptOss.Reference.Model;

/// <summary>Feeds batches to the model, chunk by chunk. Chunks fill up across sequences; where they are cut changes no bit.</summary>
/// <remarks>Not thread-safe.</remarks>
internal sealed class BatchFeed(ForwardPass pass)
{
    private readonly Chunk _chunk = pass.NewChunk();

    /// <summary>Runs a batch that <see cref="BatchCheck"/> accepts. Each sequence grows with every chunk that is done.</summary>
    /// <param name="batch">The new tokens.</param>
    /// <param name="logits">[wanted tokens of the whole batch, vocabulary], receives the logits.</param>
    /// <param name="observer">Receives each stage before the pass uses it.</param>
    /// <param name="cancellation">Checked before every block.</param>
    internal void Run<TObserver>(scoped ReadOnlySpan<BatchItem> batch, Rows logits, scoped ref TObserver observer, CancellationToken cancellation)
        where TObserver : struct, IStageObserver
    {
        int done = 0;
        try
        {
            foreach (BatchItem item in batch)
            {
                for (int fed = 0, take; fed < item.Tokens.Length; fed += take)
                {
                    take = Math.Min(item.Tokens.Length - fed, _chunk.Room);
                    _chunk.Add(item, fed, take);
                    if (_chunk.Room == 0)
                        done += RunChunk(logits, done, ref observer, cancellation);
                }
            }
            if (_chunk.Count > 0)
                RunChunk(logits, done, ref observer, cancellation);
        }
        finally
        {
            _chunk.Clear();
        }
    }

    /// <summary>Runs the chunk and empties it; returns how many rows of logits it gave.</summary>
    private int RunChunk<TObserver>(Rows logits, int done, scoped ref TObserver observer, CancellationToken cancellation)
        where TObserver : struct, IStageObserver
    {
        int wanted = _chunk.Wanted.Length;
        pass.Run(_chunk, logits.Slice(done, wanted), ref observer, cancellation);
        _chunk.Commit();
        _chunk.Clear();
        return wanted;
    }
}
