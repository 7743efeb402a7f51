using GptOss.Reference.Generation;

namespace GptOss.Reference.Serving;

/// <summary>A turn ready to be generated.</summary>
/// <param name="Prompt">The prompt's ids.</param>
/// <param name="Constraint">What the turn may say.</param>
internal sealed record ComposedTurn(int[] Prompt, TokenConstraint Constraint);
