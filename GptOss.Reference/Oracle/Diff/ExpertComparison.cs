namespace GptOss.Reference.Oracle.Diff;

/// <summary>Compares chosen experts: a choice may differ where the router logits of the two are nearer than the router's budget.</summary>
internal static class ExpertComparison
{
    /// <summary>Compares every row but those of skipped positions.</summary>
    /// <param name="pair">The stage; its budget is the router's.</param>
    /// <param name="router">The router logits of a row of the reference and one of the candidate, the reference's where it has them; null where neither does.</param>
    /// <param name="routerRms">Root mean square of those logits.</param>
    /// <param name="skipped">Positions that are not compared; receives those of near ties, because all that follows in them may differ.</param>
    internal static StageDifference Run(StagePair pair, Func<int, int, double[]?> router, double routerRms, HashSet<int> skipped)
    {
        double widest = 0, worstRatio = -1;
        double? budget = null;
        TracePlace? firstOver = null;
        var differing = new List<DifferingElement>();
        var ties = new List<int>();
        int rows = 0;
        foreach ((int position, int a, int b) in pair.Rows)
        {
            if (skipped.Contains(position))
                continue;
            rows++;
            int[] expected = pair.Reference.ReadIntegers(a), found = pair.Candidate.ReadIntegers(b);
            if (expected.AsSpan().SequenceEqual(found))
                continue;
            (double margin, int rank) = Margin(expected, found, router(a, b));
            double allowed = pair.Budget?.Invoke(position) ?? 0, ratio = margin / routerRms / allowed;
            widest = Math.Max(widest, margin);
            if (ratio > worstRatio)
                (worstRatio, budget) = (ratio, allowed);
            TracePlace place = new(pair.Name, position, [rank]);
            differing.Add(new(place, $"choice {rank}", expected[rank], found[rank]));
            if (margin / routerRms < allowed)
                ties.Add(position);
            else
                firstOver ??= place;
        }
        skipped.UnionWith(ties);
        return new()
        {
            Stage = pair.Name,
            Rows = rows,
            Max = widest,
            Rms = 0,
            Relative = widest == 0 ? 0 : widest / routerRms,
            Budget = budget ?? (pair.Rows.Count > 0 ? pair.Budget?.Invoke(pair.Rows[0].Position) : null),
            FirstDifference = pair.FirstDifference(),
            FirstOverBudget = firstOver,
            Worst = [.. differing.Take(5)],
            NearTies = ties,
        };
    }

    /// <summary>The widest distance of the router logits of an expert and of the one in its place, and that place.</summary>
    private static (double Margin, int Rank) Margin(int[] expected, int[] found, double[]? router)
    {
        double widest = -1;
        int at = 0;
        for (int rank = 0; rank < expected.Length; rank++)
        {
            if (expected[rank] == found[rank])
                continue;
            double margin = router is not null && (uint)expected[rank] < (uint)router.Length && (uint)found[rank] < (uint)router.Length
                ? Math.Abs(router[expected[rank]] - router[found[rank]]) : double.PositiveInfinity;
            if (double.IsNaN(margin))
                margin = double.PositiveInfinity;
            if (margin > widest)
                (widest, at) = (margin, rank);
        }
        return (widest, at);
    }
}
