using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Model.Stages;
using GptOss.Reference.Numerics.Buffers;

namespace GptOss.Reference.Model.Hooks;

/// <summary>
/// Shows forward passes token by token and lets them be changed, for research. <see cref="IStageObserver"/> receives whole chunks and every stage.
/// </summary>
/// <remarks>
/// There are two ways to take an expert away. A silenced expert is chosen as before and keeps its weight, but its output is zero: what does it
/// contribute? A removed expert is never chosen, so the next best takes its place and the weights are those of the new choice: can the model do
/// without it? Hooks run on the calling thread, in forward order, and see values before anything is silenced or removed.
/// </remarks>
public sealed class ForwardHooks
{
    /// <summary>Called for the embedding and after both blocks of every layer.</summary>
    public ResidualHook? Residual { get; init; }

    /// <summary>Called for every head of every token; costs a second pass over the keys.</summary>
    public AttentionHook? Attention { get; init; }

    /// <summary>Called for every head of every token.</summary>
    public HeadHook? Head { get; init; }

    /// <summary>Called for every token of every layer.</summary>
    public RouterHook? Router { get; init; }

    /// <summary>Called for every chosen expert of every token, best first.</summary>
    public ExpertHook? Expert { get; init; }

    /// <summary>Heads whose output is zero; the bias of the out projection stays.</summary>
    public ISet<(int Layer, int Head)> SilencedHeads { get; } = new HashSet<(int, int)>();

    /// <summary>Experts whose output is zero where they are chosen.</summary>
    public ISet<(int Layer, int Expert)> SilencedExperts { get; } = new HashSet<(int, int)>();

    /// <summary>Experts that are never chosen.</summary>
    public ISet<(int Layer, int Expert)> RemovedExperts { get; } = new HashSet<(int, int)>();

    /// <summary>One forward pass over one sequence with these hooks.</summary>
    /// <inheritdoc cref="Forward(Transformer, ReadOnlySpan{BatchItem}, LogitsBuffer, CancellationToken)"/>
    public Rows Forward(Transformer model, BatchItem item, LogitsBuffer into, CancellationToken cancellation = default) =>
        Forward(model, new ReadOnlySpan<BatchItem>(in item), into, cancellation);

    /// <summary>
    /// One forward pass with these hooks; otherwise <see cref="Transformer.Forward(ReadOnlySpan{BatchItem}, LogitsBuffer, CancellationToken)"/>.
    /// </summary>
    /// <exception cref="ArgumentException">A silenced or removed head or expert does not exist, a layer has too few experts left, or the batch cannot
    /// be fed.</exception>
    public Rows Forward(Transformer model, scoped ReadOnlySpan<BatchItem> batch, LogitsBuffer into, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        Require(model.Config);
        Pass pass = new(this, new int[Sequence.ChunkTokens * model.Config.ExpertsPerToken],
            new float[Sequence.ChunkTokens * model.Config.ExpertsPerToken]);
        return model.Forward(batch, into, ref pass, cancellation);
    }

    private void Require(GptOssConfig config)
    {
        foreach ((int layer, int head) in SilencedHeads)
            RequireThere("head", layer, head, config.NumAttentionHeads);
        foreach ((int layer, int expert) in SilencedExperts.Concat(RemovedExperts))
            RequireThere("expert", layer, expert, config.NumExperts);
        foreach (IGrouping<int, (int, int)> layer in RemovedExperts.GroupBy(removed => removed.Layer))
        {
            int left = config.NumExperts - layer.Count();
            if (left < config.ExpertsPerToken)
                throw new ArgumentException($"Layer {layer.Key} has {left} experts left; every token needs {config.ExpertsPerToken}.");
        }

        void RequireThere(string what, int layer, int index, int count)
        {
            if ((uint)layer >= (uint)config.NumHiddenLayers || (uint)index >= (uint)count)
            {
                throw new ArgumentException(
                    $"There is no {what} {index} in layer {layer}: the model has {config.NumHiddenLayers} layers of {count} {what}s.");
            }
        }
    }

    /// <summary>One pass: divides the stages into tokens, heads and experts.</summary>
    private readonly struct Pass(ForwardHooks hooks, int[] experts, float[] weights) : IStageObserver
    {
        public static bool IsActive => true;

        public static bool SeesAttention => true;

        public bool WantsAttention(int layer, RowOrigin origin) => hooks.Attention is not null;

        public void ObserveAttention(int layer, RowOrigin origin, int head, ReadOnlySpan<float> probabilities, float sink) =>
            hooks.Attention!(layer, head, origin, probabilities, sink);

        public void Observe(Stage stage, int layer, ReadOnlySpan<RowOrigin> origins, Rows values)
        {
            for (int row = 0; row < values.Count; row++)
            {
                switch (stage)
                {
                    case Stage.Embedding or Stage.AttentionResidual or Stage.MlpResidual:
                        hooks.Residual?.Invoke(stage, layer, origins[row], values[row]);
                        break;
                    case Stage.Heads:
                        Heads(layer, origins[row], values[row]);
                        break;
                    case Stage.Router:
                        hooks.Router?.Invoke(layer, origins[row], values[row]);
                        Remove(layer, values[row]);
                        break;
                    case Stage.ExpertWeights:
                        values[row].CopyTo(weights.AsSpan(row * values.Width));
                        break;
                    case Stage.ExpertOutputs:
                        Experts(layer, origins[row], row, values[row]);
                        break;
                }
            }
        }

        public void ObserveExperts(int layer, ReadOnlySpan<RowOrigin> origins, Rows router, Span<int> chosen, int perToken) => chosen.CopyTo(experts);

        private void Heads(int layer, RowOrigin token, Span<float> values)
        {
            int heads = token.Sequence.Owner.Config.NumAttentionHeads, dim = values.Length / heads;
            for (int head = 0; head < heads; head++)
            {
                Span<float> output = values.Slice(head * dim, dim);
                hooks.Head?.Invoke(layer, head, token, output);
                if (hooks.SilencedHeads.Contains((layer, head)))
                    output.Clear();
            }
        }

        private void Remove(int layer, Span<float> logits)
        {
            for (int expert = 0; expert < logits.Length; expert++)
            {
                if (hooks.RemovedExperts.Contains((layer, expert)))
                    logits[expert] = float.NegativeInfinity;
            }
        }

        private void Experts(int layer, RowOrigin token, int row, Span<float> values)
        {
            int k = token.Sequence.Owner.Config.ExpertsPerToken, hidden = values.Length / k;
            for (int rank = 0; rank < k; rank++)
            {
                Span<float> output = values.Slice(rank * hidden, hidden);
                int expert = experts[row * k + rank];
                hooks.Expert?.Invoke(layer, expert, token, weights[row * k + rank], output);
                if (hooks.SilencedExperts.Contains((layer, expert)))
                    output.Clear();
            }
        }
    }
}
