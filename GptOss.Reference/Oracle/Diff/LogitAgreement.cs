using GptOss.Reference.Oracle.Dumps;

namespace GptOss.Reference.Oracle.Diff;

/// <summary>How near two sets of logits are as distributions of the next token.</summary>
/// <param name="MeanKl">Kullback-Leibler divergence Σ p ln(p/q) of the candidate q from the reference p, in nats, mean over the rows.</param>
/// <param name="LargestKl">The largest of a row.</param>
/// <param name="Top1">Share of rows whose largest logit is that of the same token.</param>
/// <param name="Top5">Share of the reference's five largest that are among the candidate's five, mean over the rows.</param>
public sealed record LogitAgreement(double MeanKl, double LargestKl, double Top1, double Top5);

/// <summary>Adds up <see cref="LogitAgreement"/> row by row, in double.</summary>
internal sealed class LogitAgreementSum
{
    private const int Top = 5;
    private double _kl, _largestKl, _top1, _top5;
    private int _rows;

    internal LogitAgreement? Result => _rows == 0 ? null : new(_kl / _rows, _largestKl, _top1 / _rows, _top5 / _rows);

    internal void Add(ReadOnlySpan<double> reference, ReadOnlySpan<double> candidate)
    {
        double kl = Divergence(reference, candidate);
        int[] ours = Largest(reference), theirs = Largest(candidate);
        _kl += kl;
        _largestKl = double.IsNaN(kl) ? double.PositiveInfinity : Math.Max(_largestKl, kl);
        _top1 += ours[0] == theirs[0] ? 1 : 0;
        _top5 += (double)ours.Intersect(theirs).Count() / ours.Length;
        _rows++;
    }

    /// <summary>The indices of the largest values, largest first; of equal ones the first.</summary>
    internal static int[] Largest(ReadOnlySpan<double> values, int most = Top)
    {
        var best = new List<int>(most + 1);
        for (int i = 0; i < values.Length; i++)
        {
            if (best.Count == most && !(values[i] > values[best[^1]]))
                continue;
            int at = best.Count;
            while (at > 0 && (values[i] > values[best[at - 1]] || double.IsNaN(values[best[at - 1]]) && !double.IsNaN(values[i])))
                at--;
            best.Insert(at, i);
            if (best.Count > most)
                best.RemoveAt(most);
        }
        return [.. best];
    }

    private static double Divergence(ReadOnlySpan<double> p, ReadOnlySpan<double> q)
    {
        double lnP = LogitsKinds.LogSumExp<double>(p), lnQ = LogitsKinds.LogSumExp<double>(q), kl = 0;
        for (int i = 0; i < p.Length; i++)
        {
            double log = p[i] - lnP, probability = Math.Exp(log);
            if (probability > 0 || double.IsNaN(probability))
                kl += probability * (log - (q[i] - lnQ));
        }
        return kl < 0 ? 0 : kl;                        // rounding of equal rows
    }
}
