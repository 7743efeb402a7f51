using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Model;
using GptOss.Reference.Numerics;
using GptOss.Reference.Numerics.Attention;
using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Numerics.Lanes;

namespace GptOss.Reference.Oracle.Defects;

/// <summary>Mistakes in sinks, windows, scale and head groups.</summary>
internal static class AttentionDefects
{
    private const string Sdpa = "gpt_oss/torch/model.py, sdpa";
    private const string LongerThanTheWindow = "more tokens than the sliding window";

    internal static Defect[] All { get; } =
    [
        new("sink-ignored", "Attention left the learned sinks out: a plain softmax over the keys.",
            "https://github.com/vllm-project/vllm-metal/issues/212; https://github.com/vllm-project/vllm-metal/pull/550", "any prompt")
        {
            // e^−∞ adds nothing to the denominator.
            Scope = DefectScope.Head,
            Variant = Sinks((_, _) => float.NegativeInfinity),
        },
        new("sink-zero", "The sinks were taken as 0, as if they had never been loaded.",
            Sdpa, "any prompt")
        {
            Scope = DefectScope.Head,
            Variant = Sinks((_, _) => 0),
        },
        new("sink-scaled-by-attention-scale", "The sinks were multiplied by 1/√d together with the scores.",
            Sdpa, "any prompt")
        {
            // Exact for heads of 16, 64 and 256 channels, where 1/√d is a power of two; else the scaled sink is a rounded bfloat16.
            Scope = DefectScope.Head,
            Variant = Sinks((sink, config) => Bfloat16.Round(sink * (float)(1 / Math.Sqrt(config.HeadDim)))),
        },
        new("window-ignored", "Sliding layers saw the whole context.",
            "https://github.com/sgl-project/sglang/pull/30050", LongerThanTheWindow)
        {
            OfLayer = layer =>
                Config(config => config with { SlidingLayers = Layers(config, other => other != layer && config.WindowOf(other) is not null) }),
            Variant = Config(config => config with { SlidingWindow = 0 }),
        },
        new("window-one-too-wide", "Sliding layers saw one key more than the window, which counts the token itself.",
            "https://github.com/NVIDIA/Megatron-LM/issues/3690; https://github.com/NVIDIA/Megatron-LM/pull/2771; " +
                "https://github.com/ml-explore/mlx-lm/pull/390",
            LongerThanTheWindow)
        {
            Scope = DefectScope.Model,
            Variant = Config(config => config.SlidingWindow == 0 ? config : config with { SlidingWindow = config.SlidingWindow + 1 }),
        },
        new("window-one-too-narrow", "Sliding layers saw one key less than the window.",
            Sdpa, "at least as many tokens as the sliding window")
        {
            Scope = DefectScope.Model,
            Variant = Config(config => config.SlidingWindow == 0 ? config : config with { SlidingWindow = config.SlidingWindow - 1 }),
        },
        new("window-on-odd-layers", "The odd layers slid and the even ones saw everything; it is the other way round.",
            "gpt_oss/torch/model.py, AttentionBlock: sliding_window if layer_idx % 2 == 0", LongerThanTheWindow)
        {
            Scope = DefectScope.Model,
            Variant = Config(config => config with { SlidingLayers = Layers(config, layer => layer % 2 == 1) }),
        },
        new("window-on-every-layer", "All layers slid; every other one sees the whole context.",
            "gpt_oss/torch/model.py, AttentionBlock: sliding_window if layer_idx % 2 == 0", LongerThanTheWindow)
        {
            OfLayer = layer =>
                Config(config => config with { SlidingLayers = Layers(config, other => other == layer || config.WindowOf(other) is not null) }),
            Variant = Config(config => config with { SlidingLayers = Layers(config, _ => true) }),
        },
        new("attention-scale-missing", "The scores were not divided by √d.",
            Sdpa, "any prompt")
        {
            Variant = new() { Kernels = inner => inner with { Attention = new UnscaledAttention(inner) } },
        },
        new("kv-heads-interleaved", "Query head h was given key/value head h mod kvHeads; it is h / (heads / kvHeads).",
            Sdpa, "any prompt, on a model with several key/value heads that query heads share")
        {
            Variant = new() { Kernels = inner => inner with { Attention = new InterleavedHeads(inner) } },
        },
    ];

    private static ModelVariant Sinks(Func<float, GptOssConfig, float> change) => new()
    {
        Attention = (weights, config) => weights with { Sinks = Array.ConvertAll(weights.Sinks, sink => change(sink, config)) },
    };

    private static ModelVariant Config(Func<GptOssConfig, GptOssConfig> change) => new() { Config = change };

    private static bool[] Layers(GptOssConfig config, Func<int, bool> slides) => [.. Enumerable.Range(0, config.NumHiddenLayers).Select(slides)];

    /// <summary>Scores are not divided by √d: the queries are multiplied by it first.</summary>
    private sealed class UnscaledAttention(Kernels inner) : AttentionDecorator(inner)
    {
        private readonly Scratch _scratch = new();

        internal override void Attend(QueryRow[] rows, Rows q, ReadOnlySpan<float> sinks, int keyValueHeads, int headDim, int? window, Rows output)
        {
            float root = (float)Math.Sqrt(headDim);
            _scratch.Reset(q.Count * Scratch.Stride(q.Width));
            Rows longer = _scratch.Rows(q.Count, q.Width);
            for (int row = 0; row < q.Count; row++)
            {
                for (int i = 0; i < q.Width; i++)
                    longer[row][i] = q[row][i] * root;
            }
            Inner.Attend(rows, longer, sinks, keyValueHeads, headDim, window, output);
        }
    }

    /// <summary>Query heads move to the places that the mistaken rule pairs with their key/value head, and their outputs move back.</summary>
    private sealed class InterleavedHeads(Kernels inner) : AttentionDecorator(inner)
    {
        private readonly Scratch _scratch = new();

        internal override void Attend(QueryRow[] rows, Rows q, ReadOnlySpan<float> sinks, int keyValueHeads, int headDim, int? window, Rows output)
        {
            int heads = sinks.Length, group = heads / keyValueHeads;
            _scratch.Reset(2 * q.Count * Scratch.Stride(q.Width));
            Rows queries = _scratch.Rows(q.Count, q.Width), attended = _scratch.Rows(q.Count, q.Width);
            float[] placedSinks = new float[heads];
            for (int head = 0; head < heads; head++)
            {
                placedSinks[Place(head)] = sinks[head];
                q.Columns(head * headDim, headDim).CopyTo(queries.Columns(Place(head) * headDim, headDim));
            }
            Inner.Attend(rows, queries, placedSinks, keyValueHeads, headDim, window, attended);
            for (int head = 0; head < heads; head++)
                attended.Columns(Place(head) * headDim, headDim).CopyTo(output.Columns(head * headDim, headDim));

            int Place(int head) => head % keyValueHeads * group + head / keyValueHeads;
        }
    }
}
