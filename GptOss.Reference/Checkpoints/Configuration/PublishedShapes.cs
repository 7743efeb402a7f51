namespace GptOss.Reference.Checkpoints.Configuration;

/// <summary>The configurations of the two released models.</summary>
/// <remarks>Source: <c>config.json</c> of openai/gpt-oss-20b and openai/gpt-oss-120b.</remarks>
internal static class PublishedShapes
{
    /// <summary>gpt-oss-20b: 24 layers of 32 experts; 20,914,757,184 parameters.</summary>
    public static GptOssConfig Gpt20b { get; } = new()
    {
        NumHiddenLayers = 24,
        NumExperts = 32,
        ExpertsPerToken = 4,
        VocabSize = 201_088,
        HiddenSize = 2880,
        IntermediateSize = 2880,
        NumAttentionHeads = 64,
        NumKeyValueHeads = 8,
        HeadDim = 64,
    };

    /// <summary>gpt-oss-120b: 36 layers of 128 experts; 116,829,156,672 parameters.</summary>
    public static GptOssConfig Gpt120b { get; } = Gpt20b with { NumHiddenLayers = 36, NumExperts = 128 };
}
