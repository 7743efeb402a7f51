using GptOss.Reference.Model.Stages;

namespace GptOss.Reference.Model.Hooks;

/// <summary>Receives the residual stream of one token, and may write to it.</summary>
/// <param name="stage"><see cref="Stage.Embedding"/>, <see cref="Stage.AttentionResidual"/> or <see cref="Stage.MlpResidual"/>.</param>
/// <param name="layer">0-based layer; −1 for the embedding.</param>
/// <param name="token">The token.</param>
/// <param name="x">[hidden]: what the pass continues with.</param>
public delegate void ResidualHook(Stage stage, int layer, RowOrigin token, Span<float> x);
