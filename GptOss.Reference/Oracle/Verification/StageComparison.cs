using GptOss.Reference.Numerics.RowKernels;
using GptOss.Reference.Oracle.Traces;

namespace GptOss.Reference.Oracle.Verification;

/// <summary>Measures one stage against its recording.</summary>
internal static class StageComparison
{
    /// <summary>Compares values row by row.</summary>
    /// <param name="name">For the report.</param>
    /// <param name="reference">The recorded values, [rows · width].</param>
    /// <param name="actual">Ours, of the same shape.</param>
    /// <param name="width">Elements of a row.</param>
    /// <param name="allowed">Budget of a row, over the root mean square of the recording.</param>
    /// <param name="skipped">Rows that are not compared; null for none.</param>
    /// <param name="leastEqual">Share of elements that must have equal bits; null where bits do not count.</param>
    internal static StageReport Values(string name, ReadOnlySpan<float> reference, ReadOnlySpan<float> actual, int width, Func<int, double> allowed,
        IReadOnlySet<int>? skipped = null, double? leastEqual = null)
    {
        double rms = StageRows.RootMeanSquareOf(reference), worst = -1, worstError = 0, worstAllowed = allowed(0);
        int rows = 0, equal = 0;
        for (int row = 0; row * width < reference.Length; row++)
        {
            if (skipped?.Contains(row) == true)
                continue;
            rows++;
            ReadOnlySpan<float> expected = reference.Slice(row * width, width), found = actual.Slice(row * width, width);
            double error = LargestDifference(expected, found, ref equal);
            error = error == 0 ? 0 : error / rms;
            double ratio = error == 0 ? 0 : error / allowed(row);
            if (!(ratio <= worst))                     // a NaN is the worst of all, and stays
                (worst, worstError, worstAllowed) = (double.IsNaN(ratio) ? double.PositiveInfinity : ratio, error, allowed(row));
        }
        double? equalBits = leastEqual is null ? null : rows == 0 ? 1 : (double)equal / ((long)rows * width);
        return new(name, worstError, worstAllowed, rows, equalBits, worstError <= worstAllowed && !(equalBits < leastEqual));
    }

    /// <summary>
    /// Compares choices of experts. A choice may differ where the recorded router logits of the two experts are nearer than the budget: a tie for
    /// the arithmetic. Rows where anything differs are added to <paramref name="skipped"/>, because all that follows in them may differ.
    /// </summary>
    /// <param name="reference">The recorded choices.</param>
    /// <param name="actual">Ours.</param>
    /// <param name="router">The router logits that decide, recorded ones where there are any.</param>
    /// <param name="allowed">Budget of a row for router logits, over their root mean square.</param>
    /// <param name="skipped">Rows that are not compared; receives more.</param>
    internal static StageReport Experts(StageRows reference, StageRows actual, StageRows router, Func<int, double> allowed, HashSet<int> skipped)
    {
        double rms = router.RootMeanSquare, worst = 0, worstAllowed = allowed(0);
        int rows = 0;
        for (int row = 0; row < reference.Count; row++)
        {
            if (skipped.Contains(row))
                continue;
            rows++;
            ReadOnlySpan<int> expected = reference.Experts(row), found = actual.Experts(row);
            if (expected.SequenceEqual(found))
                continue;
            skipped.Add(row);
            double margin = 0;
            for (int rank = 0; rank < expected.Length; rank++)
                margin = Worse(margin, Math.Abs((double)router[row][expected[rank]] - router[row][found[rank]]) / rms);
            if (!(margin / allowed(row) <= worst / worstAllowed))
                (worst, worstAllowed) = (margin, allowed(row));
        }
        return new(reference.Key.Name, worst, worstAllowed, rows, null, worst <= worstAllowed);
    }

    /// <summary>First index of the largest value; NaN is below every number.</summary>
    internal static int ArgMax(ReadOnlySpan<float> values)
    {
        int best = 0;
        for (int i = 1; i < values.Length; i++)
        {
            if (Router.IsAbove(values[i], values[best]))
                best = i;
        }
        return best;
    }

    /// <summary>Infinite where either has a NaN.</summary>
    private static double LargestDifference(ReadOnlySpan<float> expected, ReadOnlySpan<float> found, ref int equal)
    {
        double largest = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            if (expected[i] == found[i])
                equal++;
            else
                largest = Worse(largest, Math.Abs((double)expected[i] - found[i]));
        }
        return largest;
    }

    private static double Worse(double a, double b) => double.IsNaN(b) ? double.PositiveInfinity : Math.Max(a, b);
}
