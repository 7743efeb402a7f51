using GptOss.Reference.Model.Stages;
using GptOss.Reference.Numerics.Buffers;

namespace GptOss.Reference.Model;

/// <summary>Observes nothing.</summary>
public readonly struct NoObserver : IStageObserver
{
    /// <inheritdoc/>
    public static bool IsActive => false;

    /// <inheritdoc/>
    public void Observe(Stage stage, int layer, ReadOnlySpan<RowOrigin> origins, Rows values)
    {
    }

    /// <inheritdoc/>
    public void ObserveExperts(int layer, ReadOnlySpan<RowOrigin> origins, Rows router, Span<int> experts, int perToken)
    {
    }
}
