namespace GptOss.Reference.Model.Hooks;

/// <summary>Receives the output of one head, before the out projection, and may write to it.</summary>
/// <param name="layer">0-based layer.</param>
/// <param name="head">0-based query head.</param>
/// <param name="token">The token.</param>
/// <param name="output">[headDim].</param>
public delegate void HeadHook(int layer, int head, RowOrigin token, Span<float> output);
