using GptOss.Reference.Numerics.Buffers;

namespace GptOss.Reference.Model.Stages;

/// <summary>Is shown every stage of a forward pass before it is used. A struct type argument: when <see cref="IsActive"/> is false its calls are compiled away.</summary>
/// <remarks>
/// What is shown is what the pass goes on with: an observer may write to it. One that writes nothing changes no bit. What it writes is used as
/// it stands; in the bfloat16 profile nobody rounds it before the next operation that rounds, only the cache stores it as bfloat16. An exception
/// that it throws ends the pass, whose tokens are not counted.
/// </remarks>
public interface IStageObserver
{
    /// <summary>Whether anything is observed at all.</summary>
    static abstract bool IsActive { get; }

    /// <summary>Whether <see cref="ObserveAttention"/> is to be called: probabilities are computed once more for it, and only then.</summary>
    static virtual bool SeesAttention => false;

    /// <summary>A stage of one layer (−1 outside the layers), before it is used.</summary>
    /// <param name="stage">Which one; never <see cref="Stage.Experts"/>.</param>
    /// <param name="layer">0-based layer, or −1.</param>
    /// <param name="origins">The token of each row.</param>
    /// <param name="values">One row a token, which may be changed; valid only during the call.</param>
    void Observe(Stage stage, int layer, ReadOnlySpan<RowOrigin> origins, Rows values);

    /// <summary>
    /// The experts of one layer, which may be exchanged for others: the weights are then the softmax over the router logits of those that
    /// are left here, <see cref="Stage.ExpertWeights"/>. Their outputs are summed in the order in which they stand.
    /// </summary>
    /// <param name="layer">0-based layer.</param>
    /// <param name="origins">The token of each row.</param>
    /// <param name="router">Router logits, [tokens, experts]; changes come too late for the choice and count for the weights.</param>
    /// <param name="experts">[tokens · perToken]: those of each row, best first. A row must hold different ones.</param>
    /// <param name="perToken">Experts of a row.</param>
    void ObserveExperts(int layer, ReadOnlySpan<RowOrigin> origins, Rows router, Span<int> experts, int perToken);

    /// <summary>Whether <see cref="ObserveAttention"/> is wanted for a token of a layer. A long context costs a pass over its keys for every head.</summary>
    bool WantsAttention(int layer, RowOrigin origin) => true;

    /// <summary>What one head of one token gives to each key that it sees and to the sink, before <see cref="Stage.Heads"/>. All sum to one, up to rounding.</summary>
    /// <param name="layer">0-based layer.</param>
    /// <param name="origin">The token.</param>
    /// <param name="head">0-based query head.</param>
    /// <param name="probabilities">The shares of positions <c>origin.Position − Length + 1</c> … <c>origin.Position</c>; valid only during the call.</param>
    /// <param name="sink">The sink's share, which brings no value.</param>
    void ObserveAttention(int layer, RowOrigin origin, int head, ReadOnlySpan<float> probabilities, float sink)
    {
    }
}
