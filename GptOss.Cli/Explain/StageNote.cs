using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Model.Stages;

namespace GptOss.Cli.Explain;

/// <summary>What a stage is, for learners.</summary>
/// <param name="Title">What it is called.</param>
/// <param name="Formula">How it is computed.</param>
/// <param name="Why">Why it is there.</param>
/// <param name="Published">Where the published reference computes it, and the paper that the idea is from.</param>
/// <param name="Code">Where this program computed it: the call, then the arithmetic.</param>
internal sealed record StageNote(string Title, string Formula, string Why, string Published, params SourcePlace[] Code)
{
    private const string Attention = "Model/AttentionBlock.cs", Experts = "Model/ExpertBlock.cs", Whole = "Model/ForwardPass.cs",
        Head = "Model/HostHead.cs";

    private static SourcePlace Norm => SourcePlace.In("Numerics/RowKernels/RmsNormJob.cs", "struct RmsNormJob");

    private static SourcePlace Product => SourcePlace.In("Numerics/Products/ProductJob.cs", "struct ProductJob");

    /// <summary>The shape of one token's row in symbols, and in numbers.</summary>
    internal static (string Symbols, int[] Sizes) ShapeOf(Stage stage, GptOssConfig c) => stage switch
    {
        Stage.Qkv => ("(heads + 2·kvHeads)·headDim", [c.QuerySize + 2 * c.KeyValueSize]),
        Stage.Query or Stage.Heads => ("heads, headDim", [c.NumAttentionHeads, c.HeadDim]),
        Stage.Key => ("kvHeads, headDim", [c.NumKeyValueHeads, c.HeadDim]),
        Stage.Router => ("experts", [c.NumExperts]),
        Stage.Experts or Stage.ExpertWeights => ("k", [c.ExpertsPerToken]),
        Stage.SwiGlu => ("k, intermediate", [c.ExpertsPerToken, c.IntermediateSize]),
        Stage.ExpertOutputs => ("k, hidden", [c.ExpertsPerToken, c.HiddenSize]),
        Stage.Logits => ("vocabulary", [c.VocabSize]),
        _ => ("hidden", [c.HiddenSize]),
    };

    /// <summary>The note on a stage of a model.</summary>
    internal static StageNote Of(Stage stage, GptOssConfig c) => stage switch
    {
        Stage.Embedding => new(
            "Embedding", "x = E[id]",
            "The token's row of the embedding. It begins the residual stream: from here on every block reads the stream and adds to it. Where the " +
                "token stands plays no part yet.",
            "Transformer",
            SourcePlace.In(Whole, "_weights.Embedding.Decode("), SourcePlace.In("Numerics/Formats/Weights.cs", "void Decode(int row")),
        Stage.AttentionNorm => new(
            "Norm before attention", "t = x / √(mean(x²) + ε) · g",
            "Brings the stream to one scale, so that what the block reads does not depend on how much has been added before it; the gain g then " +
                "weighs every channel. No mean is subtracted.",
            "RMSNorm; arXiv 1910.07467",
            SourcePlace.In(Attention, "kernels.RowWise.RmsNorm(x, weights.Norm"), Norm),
        Stage.Qkv => new(
            "Queries, keys, values", "[q | k | v] = W·t + b",
            $"Three readings of one vector: what each head looks for (q), by what this token is found (k), and what it hands "
                + $"over when it is found (v). "
                + $"{c.NumAttentionHeads} query heads share {c.NumKeyValueHeads} heads of keys and values, so the cache "
                + $"is {c.QueriesPerKeyValueHead} times smaller.",
            "AttentionBlock; grouped queries: arXiv 2305.13245",
            SourcePlace.In(Attention, "kernels.Products.Linear(t, weights.Qkv[part]"), Product),
        Stage.Query => new(
            "Rotated queries", "(a, b) ← c·(a·cos pω − b·sin pω, b·cos pω + a·sin pω)",
            "Each pair of channels turns by an angle that grows with the position p, so that the product of a query and a key depends on " +
                "how far they are apart." + Yarn(c),
            "RotaryEmbedding, _apply_rotary_emb; rotary positions: arXiv 2104.09864, YaRN: arXiv 2309.00071",
            SourcePlace.In(Attention, "kernels.RowWise.Rotate(q,"), SourcePlace.In("Numerics/RowKernels/RotaryTable.cs", "class RotaryTable"),
            SourcePlace.In("Numerics/RowKernels/RotationJob.cs", "struct RotationJob")),
        Stage.Key => new(
            "Rotated keys", "the same turn for k",
            "Key and value now go into the cache, where every later token finds them: nothing of this token is computed again.",
            "RotaryEmbedding",
            SourcePlace.In(Attention, "kernels.RowWise.Rotate(k,"),
            SourcePlace.In("Numerics/Caches/HostCache.cs", "internal void Write(int position")),
        Stage.Heads => new(
            "Attention with a sink", "s_k = ⟨q, k⟩/√headDim,  p_k = e^(s_k) / (Σ_j e^(s_j) + e^(sink)),  o = Σ_k p_k·v_k",
            "A softmax must give all its weight away, even where nothing is worth attending to. The sink is one learned number for each head that "
                + "takes a share and brings no value, "
                + $"so a head can keep silent. {Windows(c)}",
            "sdpa; sinks: model card, arXiv 2508.10925, and arXiv 2309.17453",
            SourcePlace.In(Attention, "kernels.Attention.Attend("),
            SourcePlace.In("Numerics/Attention/SinkAttentionJob.cs", "struct SinkAttentionJob")),
        Stage.AttentionResidual => new(
            "Stream after attention", "x ← x + (W_out·o + b)",
            "What the heads found is brought to the width of the stream and added. Nothing is overwritten, so what earlier layers " +
                "wrote can still be read.",
            "AttentionBlock",
            SourcePlace.In(Attention, "kernels.Products.Linear(attended, weights.Out"), SourcePlace.In(Attention, "kernels.RowWise.Add(x, t)")),
        Stage.MlpNorm => new(
            "Norm before the experts", "t = x / √(mean(x²) + ε) · g",
            "As before attention, with a gain of its own.",
            "RMSNorm",
            SourcePlace.In(Experts, "kernels.RowWise.RmsNorm(x, weights.Norm"), Norm),
        Stage.Router => new(
            "Router logits", "l = W_gate·t + b",
            $"One logit for each of the {c.NumExperts} experts: how much this token is its business.",
            "MLPBlock; mixtures of experts: arXiv 1701.06538",
            SourcePlace.In(Experts, "kernels.Products.Linear(t, weights.Gate"), Product),
        Stage.Experts => new(
            "Chosen experts", $"the {c.ExpertsPerToken} largest of l, best first; among equals the lower number",
            $"Only these are computed; the other {c.NumExperts - c.ExpertsPerToken} cost this token nothing. Where the margin to the next best is " +
                $"about as small as rounding, another implementation may choose otherwise.",
            "MLPBlock",
            SourcePlace.In(Experts, "kernels.RowWise.Route(router"), SourcePlace.In("Numerics/RowKernels/Router.cs", "static void Choose<")),
        Stage.ExpertWeights => new(
            "Their weights", "w_e = e^(l_e) / Σ e^(l), over the chosen ones only",
            "The softmax comes after the choice, so that the weights sum to one whatever the others would have got.",
            "MLPBlock",
            SourcePlace.In(Experts, "kernels.RowWise.Route(router"), SourcePlace.In("Numerics/RowKernels/Router.cs", "static void Weigh<")),
        Stage.SwiGlu => new(
            "Inside the experts",
            $"[g | u] = W1_e·t + b,  h = g′·σ({c.SwigluAlpha}·g′)·(u′ + 1),  g′ = min(g, {c.SwigluLimit}),  u′ = clamp(u, ±{c.SwigluLimit})",
            "The gate g decides how much of u passes. The clamps keep single values from running away, and the + 1 lets the gate "
                + "itself pass where u is 0. "
                + "W1_e is stored as MXFP4: 32 weights of 4 bits (0, 0.5, 1, 1.5, 2, 3, 4 or 6, with a sign) share one power of two, 17 bytes in "
                + "all; each is widened exactly where it is used.",
            "swiglu; arXiv 2002.05202; MXFP4: OCP Microscaling Formats 1.0",
            SourcePlace.In(Experts, "Expand(t, k, gu);"), SourcePlace.In(Experts, "kernels.RowWise.SwiGlu(gu"),
            SourcePlace.In("Numerics/RowKernels/SwiGluJob.cs", "struct SwiGluJob"),
            SourcePlace.In("Numerics/Formats/Mxfp4.cs", "class Mxfp4")),
        Stage.ExpertOutputs => new(
            "What each expert says", "y_e = W2_e·h + b",
            "Back to the width of the stream, again from MXFP4.",
            "MLPBlock",
            SourcePlace.In(Experts, "weights.Mlp2, weights.Mlp2Bias"), Product),
        Stage.MlpResidual => new(
            "Stream after the experts", "x ← x + Σ_e w_e·y_e",
            "The weighted sum joins the stream, and the next layer reads it.",
            "MLPBlock",
            SourcePlace.In(Experts, "kernels.RowWise.MixExperts(y"), SourcePlace.In("Numerics/RowKernels/ExpertMixJob.cs", "struct ExpertMixJob")),
        Stage.Norm => new(
            "Final norm", "t = x / √(mean(x²) + ε) · g",
            "The stream after the last layer on one scale, for the last product.",
            "Transformer",
            SourcePlace.In(Head, "Norm(last, t);"), Norm),
        Stage.Logits => new(
            "Logits", "logits = U·t",
            "One number for each token of the vocabulary; their softmax is the forecast of the next token. U has no bias and is not the " +
                "embedding turned round.",
            "Transformer",
            SourcePlace.In(Head, "Unembed(t, logits);"), Product),
        _ => throw new ArgumentOutOfRangeException(nameof(stage)),
    };

    private static string Yarn(GptOssConfig c) => c.RopeScalingFactor <= 1 ? " This model does not scale its positions, so c = 1."
        : $" YaRN slows the slow pairs by the factor {c.RopeScalingFactor}, so that what was learned on {c.InitialContextLength:N0} positions "
            + $"reaches {c.MaxPositions:N0}, "
            + $"leaves the fast ones alone, takes those between in part, and sharpens attention by c = 0.1·ln {c.RopeScalingFactor} + 1 "
            + $"on queries and on keys." + (c.RoundsYarnBounds ? " The bounds of what is taken in part are rounded here, as llama.cpp does." : "");

    private static string Windows(GptOssConfig c)
    {
        int sliding = Enumerable.Range(0, c.NumHiddenLayers).Count(layer => c.WindowOf(layer) is not null);
        return sliding == 0 ? "Every layer sees the whole context."
            : $"{sliding} of the {c.NumHiddenLayers} layers see only the last {c.SlidingWindow} positions; the others see the whole context.";
    }
}
