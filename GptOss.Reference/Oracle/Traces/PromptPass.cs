using GptOss.Reference.Model;
using GptOss.Reference.Numerics.Buffers;

namespace GptOss.Reference.Oracle.Traces;

/// <summary>Receives the logits of one of the wanted positions; they are valid only during the call.</summary>
internal delegate void LogitsSink(int row, ReadOnlySpan<float> logits);

/// <summary>One prompt through a model.</summary>
internal static class PromptPass
{
    /// <summary>Logits that one call of the model returns at most, so that the memory they take does not grow with the prompt.</summary>
    private const int LogitsFloats = 1 << 24;

    /// <summary>Feeds the prompt in parts whose logits stay within a bound: the parts change no bit.</summary>
    /// <param name="model">The model.</param>
    /// <param name="ids">Token ids.</param>
    /// <param name="positions">The positions whose logits are wanted, ascending.</param>
    /// <param name="observer">Sees the stages.</param>
    /// <param name="sink">Receives the logits, in order.</param>
    /// <param name="progress">Receives the number of tokens done.</param>
    /// <param name="cancellation">Stops between blocks.</param>
    internal static void Run<TObserver>(Transformer model, ReadOnlyMemory<int> ids, IReadOnlyList<int> positions, ref TObserver observer,
        LogitsSink sink,
        IProgress<int>? progress, CancellationToken cancellation)
        where TObserver : struct, IStageObserver
    {
        using Sequence sequence = model.NewSequence();
        TokenFeed feed = new(sequence, ids, LogitRows.At(positions.ToArray()));
        LogitsBuffer into = new();
        int mostRows = Math.Max(1, LogitsFloats / model.Config.VocabSize), done = 0;
        while (feed.Left > 0)
        {
            Rows logits = model.Forward([feed.Next(mostRows: mostRows)], into, ref observer, cancellation);
            for (int row = 0; row < logits.Count; row++)
                sink(done++, logits[row]);
            progress?.Report(feed.Fed);
        }
    }

    /// <summary>The same, only as far as the last wanted position.</summary>
    internal static void Run(Transformer model, ReadOnlyMemory<int> ids, IReadOnlyList<int> positions, LogitsSink sink,
        CancellationToken cancellation)
    {
        NoObserver none = default;
        Run(model, ids[..(positions[^1] + 1)], positions, ref none, sink, progress: null, cancellation);
    }
}
