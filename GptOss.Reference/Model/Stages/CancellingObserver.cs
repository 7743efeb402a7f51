using GptOss.Reference.Numerics.Buffers;

namespace GptOss.Reference.Model.Stages;

/// <summary>
/// Ends a forward pass between two stages when it is told to: a chunk of 512 tokens takes the 20b many seconds. The sequences stay at the length
/// that they had before the chunk that was running, and may go on from there.
/// </summary>
/// <param name="cancellation">Looked at before every stage.</param>
public readonly struct CancellingObserver(CancellationToken cancellation) : IStageObserver
{
    /// <inheritdoc/>
    public static bool IsActive => true;

    /// <inheritdoc/>
    /// <exception cref="OperationCanceledException">It is to end.</exception>
    public void Observe(Stage stage, int layer, ReadOnlySpan<RowOrigin> origins, Rows values) => cancellation.ThrowIfCancellationRequested();

    /// <inheritdoc/>
    public void ObserveExperts(int layer, ReadOnlySpan<RowOrigin> origins, Rows router, Span<int> experts, int perToken)
    {
    }
}
