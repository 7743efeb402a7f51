using System.Text;
using GptOss.Reference.Generation;

namespace GptOss.Reference.Oracle.Scoring;

/// <summary>How probable a model finds a document, token by token.</summary>
/// <param name="Id">The document's name as JSON.</param>
/// <param name="Bytes">
/// Bytes of UTF-8 text that the scored tokens stand for: all but the first token's, and none for special tokens, which are not text.
/// </param>
/// <param name="LogProbabilities">ln p of each token after the ones before it; null for the first, which has none before it.</param>
/// <param name="Top">The most probable tokens at each place, most probable first; null for the first. Empty where none were asked for.</param>
/// <param name="Comparison">How another engine's probabilities compare; null where nothing was compared.</param>
public sealed record DocumentScore(string Id, long Bytes, IReadOnlyList<double?> LogProbabilities,
    IReadOnlyList<IReadOnlyList<TokenLogProbability>?> Top, DocumentComparison? Comparison = null)
{
    /// <summary>Tokens of the document.</summary>
    public int Tokens => LogProbabilities.Count;

    /// <summary>The sum of the tokens' values, in their order.</summary>
    public double LogProbability { get; } = LogProbabilities.Aggregate(0.0, (sum, value) => sum + (value ?? 0));

    /// <summary>What a summary adds up.</summary>
    public DocumentTotals Totals => new(Tokens, Bytes, LogProbability, Comparison is null ? null : ComparisonTotals.Of(Comparison));

    /// <summary>
    /// The line of a file of scores, without its end: <c>{id, tokens, bytes, logprob, logprobs: [null, …], top: [null, {"id": lp}, …]}</c>, and after a
    /// comparison <c>kl</c> or <c>kl_top</c>, <c>same_first</c> and <c>top_agreement</c>, one value a token.
    /// </summary>
    public string ToJson() => Encoding.UTF8.GetString(ScoreLine.Write(this).AsSpan()[..^1]);
}

/// <summary>The numbers of one document that a <see cref="ScoreSummary"/> adds up.</summary>
/// <param name="Tokens">Tokens of the document.</param>
/// <param name="Bytes">As <see cref="DocumentScore.Bytes"/>.</param>
/// <param name="LogProbability">The sum over its tokens.</param>
/// <param name="Comparison">The comparison's numbers; null where nothing was compared.</param>
public readonly record struct DocumentTotals(int Tokens, long Bytes, double LogProbability, ComparisonTotals? Comparison);
