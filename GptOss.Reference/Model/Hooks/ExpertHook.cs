namespace GptOss.Reference.Model.Hooks;

/// <summary>Receives the output of one chosen expert, before it is weighted, and may write to it.</summary>
/// <param name="layer">0-based layer.</param>
/// <param name="expert">0-based expert.</param>
/// <param name="token">The token.</param>
/// <param name="weight">The expert's share of the sum.</param>
/// <param name="output">[hidden].</param>
public delegate void ExpertHook(int layer, int expert, RowOrigin token, float weight, Span<float> output);
