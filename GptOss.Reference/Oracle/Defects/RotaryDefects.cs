using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Model;
using GptOss.Reference.Numerics;
using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Numerics.RowKernels;

namespace GptOss.Reference.Oracle.Defects;

/// <summary>Mistakes in the rotary embedding and its YaRN scaling. A model without scaling can make only the one in the pairs.</summary>
internal static class RotaryDefects
{
    private const string Yarn = "gpt_oss/torch/model.py, RotaryEmbedding";
    private const string Scaled = "at least two tokens, on a model with YaRN scaling";

    internal static Defect[] All { get; } =
    [
        new("rope-without-yarn", "The frequencies and the concentration of plain rotary embedding, without YaRN.",
            Yarn, Scaled)
        {
            Scope = DefectScope.Model,
            Variant = Table((sound, config) => new([.. Powers(config).Select(f => 1 / f)], 1)),
        },
        new("yarn-bounds-rounded", "The bounds of YaRN's ramp were rounded to integers (truncate: true, the default of other models).",
            "https://github.com/vllm-project/vllm/issues/27722; https://github.com/sgl-project/sglang/pull/14270; " +
                "https://github.com/apache/tvm/pull/18576",
            Scaled)
        {
            Scope = DefectScope.Model,
            Variant = Table((sound, config) =>
            {
                (double low, double high) = Bounds(config);
                low = Math.Floor(low);
                high = Math.Ceiling(high);
                return new(Blend(config, i => Keep(i, low, high)), sound.Concentration);
            }),
        },
        new("yarn-without-concentration", "Cosine and sine were not multiplied by the concentration 0.1·ln s + 1.",
            Yarn, "any prompt, on a model with YaRN scaling")
        {
            Scope = DefectScope.Model,
            Variant = Table((sound, _) => new(sound.Frequencies.ToArray(), 1)),
        },
        new("yarn-concentration-twice", "The concentration was applied twice, on cosine and sine and again on the scores.",
            "https://github.com/pytorch/torchtitan/pull/2216", "any prompt, on a model with YaRN scaling")
        {
            Scope = DefectScope.Model,
            Variant = Table((sound, _) => new(sound.Frequencies.ToArray(), sound.Concentration * sound.Concentration)),
        },
        new("yarn-plain-interpolation", "Every frequency was divided by the scaling factor; YaRN leaves the fast ones alone.",
            Yarn, Scaled)
        {
            Scope = DefectScope.Model,
            Variant = Table((sound, config) => new(Blend(config, _ => 0), sound.Concentration)),
        },
        new("yarn-ramp-inverted", "Interpolated and kept frequencies were exchanged.",
            Yarn, Scaled)
        {
            Scope = DefectScope.Model,
            Variant = Table((sound, config) =>
            {
                (double low, double high) = Bounds(config);
                return new(Blend(config, i => 1 - Keep(i, low, high)), sound.Concentration);
            }),
        },
        new("rope-pairs-interleaved", "Channels 2i and 2i + 1 of a head turned together; the pairs are i and i + d/2.",
            "gpt_oss/torch/model.py, _apply_rotary_emb", "at least two tokens")
        {
            Variant = new() { Kernels = inner => inner with { RowWise = new InterleavedPairs(inner) } },
        },
    ];

    private static ModelVariant Table(Func<RotaryTable, GptOssConfig, RotaryTable> change) =>
        new() { Rotary = (sound, config) => config.RopeScalingFactor > 1 ? change(sound, config) : sound };

    /// <summary>f_i = base^(2i/d).</summary>
    private static float[] Powers(GptOssConfig config) =>
        [.. Enumerable.Range(0, config.HeadDim / 2).Select(i => (float)Elementary.Pow(config.RopeTheta, 2f * i / config.HeadDim))];

    /// <summary>The pairs between which YaRN goes over from kept to interpolated frequencies, not rounded.</summary>
    private static (double Low, double High) Bounds(GptOssConfig config)
    {
        return (Bound(config.RopeNtkBeta), Bound(config.RopeNtkAlpha));

        double Bound(float turns) =>
            config.HeadDim / 2 * Elementary.Ln(config.InitialContextLength / (turns * 2 * Math.PI)) / Elementary.Ln(config.RopeTheta);
    }

    /// <summary>The share of a pair's own frequency that is kept.</summary>
    private static float Keep(int pair, double low, double high) => 1 - Math.Clamp((pair - (float)low) / (float)(high - low), 0, 1);

    private static float[] Blend(GptOssConfig config, Func<int, float> keep) =>
        [.. Powers(config).Select((f, i) => 1 / (config.RopeScalingFactor * f) * (1 - keep(i)) + 1 / f * keep(i))];

    /// <summary>Channels 2i and 2i + 1 go to where the sound rotation takes its pair from, and back.</summary>
    private sealed class InterleavedPairs(Kernels inner) : RowWiseDecorator(inner)
    {
        private readonly Scratch _scratch = new();

        internal override void Rotate(Rows heads, Rows cosines, Rows sines)
        {
            int half = cosines.Width;
            _scratch.Reset(heads.Count * Scratch.Stride(heads.Width));
            Rows apart = _scratch.Rows(heads.Count, heads.Width);
            for (int row = 0; row < heads.Count; row++)
            {
                for (int i = 0; i < heads.Width; i++)
                    apart[row][Apart(i)] = heads[row][i];
            }
            Inner.Rotate(apart, cosines, sines);
            for (int row = 0; row < heads.Count; row++)
            {
                for (int i = 0; i < heads.Width; i++)
                    heads[row][i] = apart[row][Apart(i)];
            }

            int Apart(int channel) => channel - channel % (2 * half) + channel % 2 * half + channel % (2 * half) / 2;
        }
    }
}
