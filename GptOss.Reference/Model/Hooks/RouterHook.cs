namespace GptOss.Reference.Model.Hooks;

/// <summary>Receives the router logits of one token, and may write to them: choice and weights follow from what it leaves.</summary>
/// <param name="layer">0-based layer.</param>
/// <param name="token">The token.</param>
/// <param name="logits">[experts].</param>
public delegate void RouterHook(int layer, RowOrigin token, Span<float> logits);
