using GptOss.Reference.Generation;

namespace GptOss.Reference.Oracle.Scoring;

/// <summary>Another engine's probabilities of one document.</summary>
internal abstract class OtherScores
{
    /// <summary>Whether whole rows are known.</summary>
    internal abstract bool IsFull { get; }

    /// <summary>Compares the model's row that predicts token <paramref name="token"/>; null where the other says nothing. Called by several threads.</summary>
    internal abstract TokenComparison? Compare(int token, ReadOnlySpan<float> logits, LogSoftmax softmax);

    /// <summary>Compares the most probable tokens, of which the other's are given.</summary>
    private protected static (bool? SameFirst, double? Agreement) Agreement(
        ReadOnlySpan<float> logits, LogSoftmax softmax, IReadOnlyList<TokenLogProbability> theirs)
    {
        if (theirs.Count == 0)
            return (null, null);
        IReadOnlyList<TokenLogProbability> ours = LogProbabilities.Of(logits, softmax, chosen: 0, theirs.Count).Top;
        HashSet<int> ids = [.. ours.Select(token => token.Id)];
        return (ours[0].Id == theirs[0].Id, theirs.Count(token => ids.Contains(token.Id)) / (double)theirs.Count);
    }
}

/// <summary>Log-probabilities of the tokens themselves and of some most probable ones: what most engines give.</summary>
/// <param name="ids">The document's tokens.</param>
/// <param name="chosen">Of each token of the document; null where none is given.</param>
/// <param name="top">The most probable tokens at each place, most probable first; null where none are given. The model has their ids.</param>
internal sealed class ListedScores(ReadOnlyMemory<int> ids, IReadOnlyList<double?> chosen, IReadOnlyList<IReadOnlyList<TokenLogProbability>?> top) : OtherScores
{
    internal override bool IsFull => false;

    internal override TokenComparison? Compare(int token, ReadOnlySpan<float> logits, LogSoftmax softmax)
    {
        IReadOnlyList<TokenLogProbability> theirs = top[token] ?? [];
        List<TokenLogProbability> listed = [.. theirs];
        int id = ids.Span[token];
        if (chosen[token] is { } own && !listed.Exists(each => each.Id == id))
            listed.Add(new(id, own));
        if (listed.Count == 0)
            return null;
        double[] p = new double[listed.Count], q = new double[listed.Count];
        for (int i = 0; i < p.Length; i++)
            (p[i], q[i]) = (softmax.At(logits[listed[i].Id]), listed[i].LogProbability);
        (bool? sameFirst, double? agreement) = Agreement(logits, softmax, theirs);
        return new(Divergence.Listed(p, q), sameFirst, agreement);
    }
}
