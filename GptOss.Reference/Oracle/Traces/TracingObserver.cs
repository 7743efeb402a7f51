using GptOss.Reference.Model;
using GptOss.Reference.Model.Stages;
using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Oracle.Routing;

namespace GptOss.Reference.Oracle.Traces;

/// <summary>What a traced run shows and to whom: forced experts first, then those who record what became of them.</summary>
/// <param name="stages">Keeps stages; null for none.</param>
/// <param name="routing">Gathers choices of experts; null for none.</param>
/// <param name="replay">Forces choices of experts; null for none.</param>
internal readonly struct TracingObserver(TraceRecorder? stages, RoutingRecorder? routing = null, RoutingReplay? replay = null) : IStageObserver
{
    public static bool IsActive => true;

    public void Observe(Stage stage, int layer, ReadOnlySpan<RowOrigin> origins, Rows values)
    {
        stages?.Observe(new(stage, layer), origins, values);
        if (stage == Stage.ExpertWeights)
            routing?.ObserveWeights(layer, origins, values);
    }

    public void ObserveExperts(int layer, ReadOnlySpan<RowOrigin> origins, Rows router, Span<int> experts, int perToken)
    {
        replay?.Apply(layer, origins, router, experts);
        stages?.Observe(new(Stage.Experts, layer), origins, experts, perToken);
        routing?.ObserveExperts(layer, origins, router, experts, perToken);
    }
}
