using GptOss.Reference.Numerics.Lanes;

namespace GptOss.Reference.Oracle.Scoring;

/// <summary>The numbers of a corpus, added up document by document in its order, so that they have the same bits however it was scored.</summary>
public sealed class ScoreSummary
{
    /// <summary>Documents.</summary>
    public long Documents { get; private set; }

    /// <summary>Tokens, the first ones of the documents included.</summary>
    public long Tokens { get; private set; }

    /// <summary>Tokens with a log-probability: all but the first of each document.</summary>
    public long ScoredTokens { get; private set; }

    /// <summary>Bytes of text that the scored tokens stand for.</summary>
    public long Bytes { get; private set; }

    /// <summary>Σ ln p over the scored tokens.</summary>
    public double LogProbability { get; private set; }

    /// <summary>The comparison's numbers; null where nothing was compared.</summary>
    public ComparisonTotals? Comparison { get; private set; }

    /// <summary>exp(−Σ ln p / scored tokens); null where none was scored.</summary>
    public double? Perplexity => ScoredTokens == 0 ? null : Elementary.Exp(-LogProbability / ScoredTokens);

    /// <summary>−Σ ln p / ln 2 / bytes; null where the scored tokens stand for no text.</summary>
    public double? BitsPerByte => Bytes == 0 ? null : -LogProbability / Elementary.Ln(2) / Bytes;

    /// <summary>Adds the next document.</summary>
    public void Add(DocumentTotals document)
    {
        Documents++;
        Tokens += document.Tokens;
        ScoredTokens += Math.Max(0, document.Tokens - 1);
        Bytes += document.Bytes;
        LogProbability += document.LogProbability;
        if (document.Comparison is { } comparison)
            Comparison = Comparison is { } sum ? sum + comparison : comparison;
    }
}
