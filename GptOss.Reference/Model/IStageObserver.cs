using GptOss.Reference.Model.Stages;
using GptOss.Reference.Numerics.Buffers;

namespace GptOss.Reference.Model;

/// <summary>
/// Receives each stage of a forward pass before the pass uses it. A struct type argument: while <see cref="IsActive"/> is false its calls are
/// compiled away.
/// </summary>
/// <remarks>
/// The pass continues with the rows that an observer receives, so it may write to them. One that writes nothing changes no bit. What it writes is
/// used as written: in the bfloat16 profile it is rounded only by the next operation that rounds, and by the cache. An exception ends the pass, and
/// the tokens of its chunk do not count.
/// </remarks>
public interface IStageObserver
{
    /// <summary>Whether the observer observes anything.</summary>
    static abstract bool IsActive { get; }

    /// <summary>Whether the pass calls <see cref="ObserveAttention"/>, for which it computes the probabilities a second time.</summary>
    static virtual bool SeesAttention => false;

    /// <summary>A stage of one layer (−1 outside the layers), before it is used.</summary>
    /// <param name="stage">Which one; never <see cref="Stage.Experts"/>.</param>
    /// <param name="layer">0-based layer, or −1.</param>
    /// <param name="origins">The token of each row.</param>
    /// <param name="values">One row a token, which may be changed; valid only during the call.</param>
    void Observe(Stage stage, int layer, ReadOnlySpan<RowOrigin> origins, Rows values);

    /// <summary>
    /// The experts of one layer, which the observer may exchange for others. <see cref="Stage.ExpertWeights"/> is then the softmax over the router
    /// logits of the experts that it leaves, and their outputs are summed in the order that it leaves.
    /// </summary>
    /// <param name="layer">0-based layer.</param>
    /// <param name="origins">The token of each row.</param>
    /// <param name="router">Router logits, [tokens, experts]; changes no longer affect the choice, but they do affect the weights.</param>
    /// <param name="experts">[tokens · perToken]: those of each row, best first. The experts of a row must differ.</param>
    /// <param name="perToken">Experts of a row.</param>
    void ObserveExperts(int layer, ReadOnlySpan<RowOrigin> origins, Rows router, Span<int> experts, int perToken);

    /// <summary>
    /// Whether <see cref="ObserveAttention"/> is wanted for a token of a layer. A long context costs a pass over its keys for every head.
    /// </summary>
    bool WantsAttention(int layer, RowOrigin origin) => true;

    /// <summary>
    /// What one head of one token gives to each visible key and to the sink, before <see cref="Stage.Heads"/>. The shares sum to one, up to rounding.
    /// </summary>
    /// <param name="layer">0-based layer.</param>
    /// <param name="origin">The token.</param>
    /// <param name="head">0-based query head.</param>
    /// <param name="probabilities">The shares of positions <c>origin.Position − Length + 1</c> … <c>origin.Position</c>; valid only during the
    /// call.</param>
    /// <param name="sink">The sink's share, which brings no value.</param>
    void ObserveAttention(int layer, RowOrigin origin, int head, ReadOnlySpan<float> probabilities, float sink)
    {
    }
}
