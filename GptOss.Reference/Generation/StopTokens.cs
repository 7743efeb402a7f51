using GptOss.Reference.Checkpoints;
using GptOss.Reference.Ground;
using GptOss.Reference.Model;
using GptOss.Reference.Tokens;

namespace GptOss.Reference.Generation;

/// <summary>The ids that end a turn.</summary>
public static class StopTokens
{
    private const string EndOfMessage = "<|end|>";
    private static readonly string[] Names = ["<|return|>", "<|endoftext|>", "<|call|>"];

    /// <summary>The stop tokens of a model; see <see cref="For(Checkpoint, Tokenizer)"/>.</summary>
    /// <exception cref="CheckpointFormatException">The checkpoint's generation configuration is unusable.</exception>
    public static IReadOnlyList<int> For(Transformer model, Tokenizer tokenizer)
    {
        ArgumentNullException.ThrowIfNull(model);
        return For(model.Checkpoint, tokenizer);
    }

    /// <summary>
    /// The ids of <c>&lt;|return|&gt;</c>, <c>&lt;|endoftext|&gt;</c> and <c>&lt;|call|&gt;</c>, and those that the checkpoint's <c>eos_token_id</c> adds; only ids that
    /// the model can choose.
    /// </summary>
    /// <remarks>
    /// Fine-tunes ship incomplete lists. Without <c>&lt;|call|&gt;</c> a model invents what its tools answer; with <c>&lt;|end|&gt;</c>, which only ends a message, it
    /// stops after its analysis. So the first three are always in, and <c>&lt;|end|&gt;</c> never is.
    /// </remarks>
    /// <exception cref="CheckpointFormatException">The checkpoint's generation configuration is unusable.</exception>
    public static IReadOnlyList<int> For(Checkpoint checkpoint, Tokenizer tokenizer)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        ArgumentNullException.ThrowIfNull(tokenizer);
        return Of(tokenizer, checkpoint.EosTokenIds(), checkpoint.Config.VocabSize);
    }

    /// <summary>The same for a list of <c>eos_token_id</c> and a vocabulary of <paramref name="vocabulary"/> rows.</summary>
    internal static IReadOnlyList<int> Of(Tokenizer tokenizer, IReadOnlyList<int> endIds, int vocabulary)
    {
        int? never = tokenizer.SpecialId(EndOfMessage);
        return [.. Names.Select(tokenizer.SpecialId).OfType<int>().Concat(endIds).Distinct().Where(id => id < vocabulary && id != never)];
    }
}
