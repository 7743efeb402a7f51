using GptOss.Reference.Numerics.Lanes;

namespace GptOss.Reference.Numerics.RowKernels;

/// <summary>The k largest router logits and the softmax over those k alone, so that the weights sum to one.</summary>
/// <remarks>
/// Order: logit descending, then index ascending; NaN is below every number. w_i = B(e_i / Σe), e_i = e^(l_i − max l), summed in rank order.
/// Source: <c>gpt_oss/torch/model.py</c>, <c>MLPBlock</c>; torch leaves the order of ties open; Metal and transformers take the lowest index.
/// </remarks>
internal static class Router
{
    /// <summary>Chooses <c>experts.Length</c> experts for one token.</summary>
    internal static void Choose<TProfile>(ReadOnlySpan<float> logits, Span<int> experts, Span<float> weights) where TProfile : struct, IProfile
    {
        int chosen = 0;
        for (int e = 0; e < logits.Length; e++)
        {
            int rank = chosen;
            while (rank > 0 && IsAbove(logits[e], logits[experts[rank - 1]]))
                rank--;
            if (rank >= experts.Length)
                continue;
            chosen = Math.Min(chosen + 1, experts.Length);
            experts[rank..(chosen - 1)].CopyTo(experts[(rank + 1)..]);
            experts[rank] = e;
        }
        Weigh<TProfile>(logits, experts, weights);
    }

    /// <summary>The weights of chosen experts, in the order given.</summary>
    internal static void Weigh<TProfile>(ReadOnlySpan<float> logits, ReadOnlySpan<int> experts, Span<float> weights) where TProfile : struct, IProfile
    {
        float best = logits[experts[0]], sum = 0;
        foreach (int expert in experts[1..])
            best = IsAbove(logits[expert], best) ? logits[expert] : best;
        for (int i = 0; i < experts.Length; i++)
        {
            weights[i] = BlockExp.Scalar(logits[experts[i]] - best);
            sum += weights[i];
        }
        for (int i = 0; i < experts.Length; i++)
            weights[i] = TProfile.Round(weights[i] / sum);
    }

    /// <summary>Whether a logit ranks above another; neither of two equal ones does. NaN is below every number.</summary>
    internal static bool IsAbove(float a, float b) => a > b || (float.IsNaN(b) && !float.IsNaN(a));
}
