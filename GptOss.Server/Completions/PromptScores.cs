using GptOss.Reference.Generation;
using GptOss.Reference.Model;

namespace GptOss.Server.Completions;

/// <summary>Log-probabilities of a text's own tokens.</summary>
internal static class PromptScores
{
    private const int RowsAtOnce = 32;                               // a row of logits is 800 KB

    /// <summary>One entry for every token but the first.</summary>
    internal static IReadOnlyList<LogProbabilities> Of(Transformer model, int[] prompt, int top, CancellationToken cancellation)
    {
        var entries = new List<LogProbabilities>(prompt.Length);
        var logits = new LogitsBuffer();
        Sequence sequence = model.NewSequence();
        for (int from = 0; from < prompt.Length - 1; from += RowsAtOnce)
        {
            int count = Math.Min(RowsAtOnce, prompt.Length - 1 - from);
            model.Forward(new BatchItem(sequence, prompt.AsMemory(from, count), LogitRows.All), logits, cancellation);
            for (int i = 0; i < count; i++) entries.Add(LogProbabilities.Of(logits[i], prompt[from + i + 1], top));
        }

        return entries;
    }
}
