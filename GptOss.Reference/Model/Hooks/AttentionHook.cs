namespace GptOss.Reference.Model.Hooks;

/// <summary>Receives what one head gives to each key and to its sink, as <see cref="IStageObserver.ObserveAttention"/> does.</summary>
/// <param name="layer">0-based layer.</param>
/// <param name="head">0-based query head.</param>
/// <param name="token">The token whose query it is.</param>
/// <param name="probabilities">The shares of the visible positions, of which the last is the token's own.</param>
/// <param name="sink">The sink's share.</param>
public delegate void AttentionHook(int layer, int head, RowOrigin token, ReadOnlySpan<float> probabilities, float sink);
