using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Ground;
using GptOss.Reference.Model;
using GptOss.Reference.Tokens;

namespace GptOss.Reference.Generation;

/// <summary>The ids that end a turn.</summary>
public static class StopTokens
{
    private static readonly string[] Names = ["<|return|>", "<|endoftext|>", "<|call|>"];

    /// <summary>
    /// <c>eos_token_id</c> of the checkpoint's <c>generation_config.json</c>, which for a folder named <c>original</c> may stand in its parent;
    /// where none is given, the ids of <c>&lt;|return|&gt;</c>, <c>&lt;|endoftext|&gt;</c> and <c>&lt;|call|&gt;</c>. Only ids that the
    /// model can choose.
    /// </summary>
    /// <param name="model">The model, whose checkpoint folder and vocabulary are looked at.</param>
    /// <param name="tokenizer">The checkpoint's tokenizer.</param>
    /// <exception cref="CheckpointFormatException">The file is there and unusable.</exception>
    public static IReadOnlyList<int> For(Transformer model, Tokenizer tokenizer)
    {
        ArgumentNullException.ThrowIfNull(model);
        return For(model.Checkpoint.Folder, tokenizer, model.Config.VocabSize);
    }

    /// <summary>The same for a checkpoint folder with <paramref name="vocabulary"/> rows.</summary>
    /// <exception cref="CheckpointFormatException">The file is there and unusable.</exception>
    public static IReadOnlyList<int> For(string folder, Tokenizer tokenizer, int vocabulary)
    {
        ArgumentNullException.ThrowIfNull(folder);
        ArgumentNullException.ThrowIfNull(tokenizer);
        var directory = new DirectoryInfo(folder);
        GenerationConfig? config = GenerationConfig.Find(folder);
        if (config is null && directory is { Name: "original", Parent: { } parent }) config = GenerationConfig.Find(parent.FullName);
        IEnumerable<int> ids = config is { EosTokenIds.Count: > 0 }
            ? config.EosTokenIds
            : Names.Select(tokenizer.SpecialId).OfType<int>();
        return [.. ids.Where(id => id < vocabulary)];
    }
}
