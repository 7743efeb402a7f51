using GptOss.Reference.Generation;
using GptOss.Reference.Numerics.Lanes;

namespace GptOss.Reference.Oracle.Scoring;

/// <summary>KL(p ‖ q) = Σ p·(ln p − ln q), in nats, in double and in ascending order: the same bits everywhere.</summary>
internal static class Divergence
{
    /// <summary>What float32 log-probabilities cannot tell from nothing: the least mass of the bucket for unlisted ids.</summary>
    private const double LeastRest = 1.0 / (1 << 23);

    /// <summary>Over the whole vocabulary, from two rows of logits. +∞ where q rules out what p does not.</summary>
    internal static double Full(ReadOnlySpan<float> ours, LogSoftmax p, ReadOnlySpan<float> theirs, LogSoftmax q)
    {
        double sum = 0;
        for (int id = 0; id < ours.Length; id++)
        {
            double lnP = p.At(ours[id]), weight = Elementary.Exp(lnP);
            if (weight > 0)
                sum += weight * (lnP - q.At(theirs[id]));
        }
        return Math.Max(0, sum);
    }

    /// <summary>Over listed ids and one bucket for all others, from the log-probabilities of the listed ones. Both sides are scaled to a sum of 1.</summary>
    internal static double Listed(ReadOnlySpan<double> p, ReadOnlySpan<double> q)
    {
        (double restP, double lnTotalP) = Unlisted(p);
        (double restQ, double lnTotalQ) = Unlisted(q);
        double sum = 0;
        for (int i = 0; i <= p.Length; i++)
        {
            double lnP = (i < p.Length ? p[i] : Elementary.Ln(restP)) - lnTotalP, lnQ = (i < q.Length ? q[i] : Elementary.Ln(restQ)) - lnTotalQ;
            double weight = Elementary.Exp(lnP);
            if (weight > 0)
                sum += weight * (lnP - lnQ);
        }
        return Math.Max(0, sum);
    }

    private static (double Mass, double LnTotal) Unlisted(ReadOnlySpan<double> listed)
    {
        double mass = 0;
        foreach (double value in listed)
            mass += Elementary.Exp(value);
        double rest = Math.Max(LeastRest, 1 - mass);
        return (rest, Elementary.Ln(mass + rest));
    }
}
