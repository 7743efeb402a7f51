namespace GptOss.Reference.Oracle;

/// <summary>The order in which a router ranks experts: logit descending, then index ascending; NaN below every number.</summary>
internal static class RouterOrder
{
    internal static bool IsAbove(float a, float b) => a > b || (float.IsNaN(b) && !float.IsNaN(a));

    /// <summary>Puts experts into that order.</summary>
    /// <param name="router">The router logits of one token, [experts].</param>
    /// <param name="experts">Different experts, a few.</param>
    internal static void Sort(ReadOnlySpan<float> router, Span<int> experts)
    {
        experts.Sort();
        for (int i = 1; i < experts.Length; i++)
        {
            int expert = experts[i], rank = i;
            for (; rank > 0 && IsAbove(router[expert], router[experts[rank - 1]]); rank--)
                experts[rank] = experts[rank - 1];
            experts[rank] = expert;
        }
    }
}
