using GptOss.Reference.Checkpoints.Configuration;

namespace GptOss.Reference.Generation;

/// <summary>What a model can read.</summary>
internal static class PromptLimits
{
    /// <summary>Refuses a prompt that cannot follow <paramref name="before"/> tokens of a sequence.</summary>
    /// <exception cref="PromptException">The prompt is empty, exceeds the context, or has an unknown id.</exception>
    public static void Require(GptOssConfig config, ReadOnlySpan<int> prompt, int before = 0)
    {
        ArgumentNullException.ThrowIfNull(config);
        if (prompt.IsEmpty)
            throw new PromptException("The prompt has no tokens, so there is nothing to continue.");
        if (prompt.Length > config.MaxPositions - before)
        {
            string after = before == 0 ? "" : $" after {before} in the conversation";
            throw new PromptException($"The prompt has {prompt.Length} tokens{after}; the model's context holds {config.MaxPositions}.");
        }
        for (int i = 0; i < prompt.Length; i++)
        {
            if ((uint)prompt[i] < (uint)config.VocabSize)
                continue;
            throw new PromptException($"Token id {prompt[i]} at place {i} of the prompt is unknown; the model has ids 0 to {config.VocabSize - 1}.");
        }
    }
}
