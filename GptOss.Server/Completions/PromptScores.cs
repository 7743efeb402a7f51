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
        using Sequence sequence = model.NewSequence();
        var feed = new TokenFeed(sequence, prompt.AsMemory(0, prompt.Length - 1), LogitRows.All);
        while (feed.Left > 0)
        {
            model.Forward(feed.Next(mostRows: RowsAtOnce), logits, cancellation);
            for (int i = 0; i < logits.Count; i++) entries.Add(LogProbabilities.Of(logits[i], prompt[entries.Count + 1], top));
        }

        return entries;
    }
}
