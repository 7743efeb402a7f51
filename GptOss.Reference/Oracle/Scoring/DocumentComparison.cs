namespace GptOss.Reference.Oracle.Scoring;

/// <summary>How another engine's probabilities of one place in a document compare with the model's.</summary>
/// <param name="Divergence">KL(model ‖ other) in nats: 0 where they are the same, +∞ where the other rules out what the model does not.</param>
/// <param name="SameFirst">Whether the most probable token is the same; null where the other lists none.</param>
/// <param name="TopAgreement">The share of the other's most probable tokens that are among as many of the model's; null where the other lists none.</param>
public readonly record struct TokenComparison(double Divergence, bool? SameFirst, double? TopAgreement);

/// <summary>The comparison of a document, token by token.</summary>
/// <param name="IsFull">Whether the divergence is over the whole vocabulary; otherwise over the listed ids and one bucket for the rest.</param>
/// <param name="Tokens">One value a token; null for the first, and where the other engine says nothing.</param>
public sealed record DocumentComparison(bool IsFull, IReadOnlyList<TokenComparison?> Tokens);

/// <summary>The numbers of a comparison that a summary adds up.</summary>
/// <param name="IsFull">As <see cref="DocumentComparison.IsFull"/>.</param>
/// <param name="Compared">Tokens with a finite divergence.</param>
/// <param name="Infinite">Tokens with an infinite one.</param>
/// <param name="Sum">Sum of the finite ones.</param>
/// <param name="Largest">The largest finite one.</param>
/// <param name="FirstCompared">Tokens for which the other lists its most probable token.</param>
/// <param name="FirstSame">Those where it is the same.</param>
/// <param name="TopSum">Sum of <see cref="TokenComparison.TopAgreement"/> over <paramref name="FirstCompared"/> tokens.</param>
public readonly record struct ComparisonTotals(
    bool IsFull, long Compared, long Infinite, double Sum, double Largest, long FirstCompared, long FirstSame, double TopSum)
{
    /// <summary>Mean divergence, in nats; null where none is finite.</summary>
    public double? Mean => Compared == 0 ? null : Sum / Compared;

    /// <summary>The share of tokens whose most probable successor is the same; null where none is listed.</summary>
    public double? FirstAgreement => FirstCompared == 0 ? null : FirstSame / (double)FirstCompared;

    /// <summary>Mean share of the other's most probable tokens that are among as many of the model's; null where none are listed.</summary>
    public double? TopAgreement => FirstCompared == 0 ? null : TopSum / FirstCompared;

    /// <summary>The numbers of one document.</summary>
    public static ComparisonTotals Of(DocumentComparison comparison)
    {
        ArgumentNullException.ThrowIfNull(comparison);
        ComparisonTotals totals = default(ComparisonTotals) with { IsFull = comparison.IsFull };
        foreach (TokenComparison? token in comparison.Tokens)
        {
            if (token is not { } value)
                continue;
            bool isFinite = double.IsFinite(value.Divergence), hasFirst = value.SameFirst is not null;
            totals += new ComparisonTotals(comparison.IsFull, isFinite ? 1 : 0, isFinite ? 0 : 1, isFinite ? value.Divergence : 0,
                isFinite ? value.Divergence : 0, hasFirst ? 1 : 0, value.SameFirst == true ? 1 : 0, value.TopAgreement ?? 0);
        }
        return totals;
    }

    /// <summary>The numbers of both, in this order.</summary>
    public static ComparisonTotals operator +(ComparisonTotals left, ComparisonTotals right) => new(
        left.IsFull && right.IsFull, left.Compared + right.Compared, left.Infinite + right.Infinite, left.Sum + right.Sum,
        Math.Max(left.Largest, right.Largest), left.FirstCompared + right.FirstCompared, left.FirstSame + right.FirstSame, left.TopSum + right.TopSum);

    /// <inheritdoc cref="op_Addition"/>
    public static ComparisonTotals Add(ComparisonTotals left, ComparisonTotals right) => left + right;
}
