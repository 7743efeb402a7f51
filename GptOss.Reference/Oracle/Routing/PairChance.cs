namespace GptOss.Reference.Oracle.Routing;

/// <summary>How often two experts occur together when only their loads decide.</summary>
/// <remarks>
/// <para>
/// Chance is the distribution over sets of k experts that has the loads seen and otherwise the most entropy: P(S) ∝ Π_{i∈S} w_i. Multiplying the
/// loads would be wrong, because a token that takes one expert has one place less for another.
/// </para>
/// <para>
/// With e_j the elementary symmetric polynomials of the w: P(i) = w_i e_{k−1}(w without i) / e_k(w), P(i, j) = w_i w_j e_{k−2}(w without i, j) /
/// e_k(w). The w are found by repeating w_i ← w_i · load_i / P(i). Source: Chen, Dempster and Liu, Weighted finite population sampling to maximize
/// entropy, Biometrika 81 (1994).
/// </para>
/// </remarks>
internal static class PairChance
{
    private const int MostRounds = 1000;
    private const double Enough = 1e-9;

    /// <summary>The share of tokens that choose both experts of a pair, by chance.</summary>
    /// <param name="load">The share of tokens that choose each expert; all sum to k, or are 0.</param>
    /// <param name="perToken">Experts of a token, k.</param>
    /// <returns>[experts · experts], symmetric; the diagonal is the loads.</returns>
    public static double[] Of(ReadOnlySpan<double> load, int perToken)
    {
        int experts = load.Length;
        double[] pairs = new double[checked(experts * experts)];
        int[] always = [.. Where(load, share => share >= 1)], sometimes = [.. Where(load, share => share is > 0 and < 1)];
        for (int expert = 0; expert < experts; expert++)
            pairs[expert * experts + expert] = load[expert];
        foreach (int a in always)
        {
            for (int b = 0; b < experts; b++)
                pairs[a * experts + b] = pairs[b * experts + a] = load[b];
        }
        int places = perToken - always.Length;
        if (places < 2 || sometimes.Length < 2)
            return pairs;                              // no two of these meet, or there are none
        double[] shares = new double[sometimes.Length];
        for (int i = 0; i < shares.Length; i++)
            shares[i] = load[sometimes[i]];
        double[] weights = Fit(shares, places);
        double all = Polynomial(weights, places)[places];
        for (int i = 0; i < weights.Length; i++)
        {
            double[] others = [.. weights[..i], .. weights[(i + 1)..]];
            double[] without = Without(others, places - 2);
            for (int j = i + 1; j < weights.Length; j++)
            {
                double share = weights[i] * weights[j] * without[j - 1] / all;
                pairs[sometimes[i] * experts + sometimes[j]] = pairs[sometimes[j] * experts + sometimes[i]] = share;
            }
        }
        return pairs;
    }

    /// <summary>The weights whose shares are the given ones, scaled so that the largest is 1.</summary>
    private static double[] Fit(double[] shares, int places)
    {
        double[] weights = [.. shares.Select(share => share / (1 - share))];
        for (int round = 0; round < MostRounds; round++)
        {
            double largest = weights.Max(), worst = 0;
            for (int i = 0; i < weights.Length; i++)
                weights[i] /= largest;
            double[] without = Without(weights, places - 1);
            double all = Polynomial(weights, places)[places];
            for (int i = 0; i < weights.Length; i++)
            {
                double share = weights[i] * without[i] / all;
                worst = Math.Max(worst, Math.Abs(share - shares[i]));
                weights[i] *= shares[i] / share;
            }
            if (worst < Enough)
                break;
        }
        return weights;
    }

    /// <summary>e_0 … e_degree of the weights.</summary>
    private static double[] Polynomial(ReadOnlySpan<double> weights, int degree)
    {
        double[] e = new double[degree + 1];
        e[0] = 1;
        foreach (double w in weights)
        {
            for (int j = degree; j > 0; j--)
                e[j] += w * e[j - 1];
        }
        return e;
    }

    /// <summary>
    /// For each weight e_degree of all the others: the first i from the left times the rest from the right, because division would cancel.
    /// </summary>
    private static double[] Without(double[] weights, int degree)
    {
        int n = weights.Length;
        double[][] right = new double[n + 1][];
        right[n] = Polynomial([], degree);
        for (int i = n - 1; i >= 0; i--)
            right[i] = Times(right[i + 1], weights[i]);
        double[] without = new double[n], left = Polynomial([], degree);
        for (int i = 0; i < n; i++)
        {
            for (int j = 0; j <= degree; j++)
                without[i] += left[j] * right[i + 1][degree - j];
            left = Times(left, weights[i]);
        }
        return without;
    }

    /// <summary>The polynomials with one weight more.</summary>
    private static double[] Times(double[] e, double weight)
    {
        double[] more = [.. e];
        for (int j = e.Length - 1; j > 0; j--)
            more[j] += weight * e[j - 1];
        return more;
    }

    private static List<int> Where(ReadOnlySpan<double> load, Func<double, bool> holds)
    {
        var found = new List<int>();
        for (int expert = 0; expert < load.Length; expert++)
        {
            if (holds(load[expert]))
                found.Add(expert);
        }
        return found;
    }
}
