using System.Globalization;
using GptOss.Reference.Ground;

namespace GptOss.Reference.Checkpoints.Configuration;

/// <summary>Reads the rotary embedding's numbers: flat keys in the original dialect, an object in transformers'.</summary>
/// <remarks>Sources: <c>gpt_oss/torch/model.py</c>, <c>RotaryEmbedding</c>; transformers, <c>modeling_rope_utils.py</c> (key names).</remarks>
internal static class RopeReader
{
    internal static GptOssConfig Read(ConfigKeys keys, GptOssConfig config, bool huggingFace, ICollection<string>? notices)
    {
        config = config with
        {
            RopeTheta = (float)(keys.Number("rope_theta", 1) ?? config.RopeTheta),
            InitialContextLength = keys.Integer(1, int.MaxValue, "initial_context_length") ?? config.InitialContextLength,
        };
        config = huggingFace
            ? Scaling(keys, config, notices)
            : config with
            {
                RopeScalingFactor = (float)(keys.Number("rope_scaling_factor", 0) ?? config.RopeScalingFactor),
                RopeNtkAlpha = (float)(keys.Number("rope_ntk_alpha", 0) ?? config.RopeNtkAlpha),
                RopeNtkBeta = (float)(keys.Number("rope_ntk_beta", 0) ?? config.RopeNtkBeta),
            };
        RequireOrderedBounds(keys, config);
        return config;
    }

    private static GptOssConfig Scaling(ConfigKeys keys, GptOssConfig config, ICollection<string>? notices)
    {
        // rope_parameters is the newer name; where both stand, it is the one that newer libraries read.
        string name = keys.Has("rope_parameters") ? "rope_parameters" : "rope_scaling";
        if (keys.IsNull(name))
            return config with { RopeScalingFactor = 1f };
        if (keys.Object(name) is not { } rope)
        {
            notices?.Add("config.json has no rope_scaling; assuming the published YaRN values (factor 32).");
            return config;
        }
        string type = (rope.Has("rope_type") ? rope.Text("rope_type") : rope.Text("type")) ?? "yarn";
        double factor = rope.Number("factor", 0) ?? (type == "yarn" ? config.RopeScalingFactor : 1);
        if (type != "yarn" && factor != 1)
            throw keys.Bad(string.Create(CultureInfo.InvariantCulture,
                $"{name}.rope_type is '{Printable.Clip(type)}' with factor {factor}; expected 'yarn'."));
        if (type is not ("yarn" or "default") && !rope.Has("factor"))
            throw keys.Bad($"{name}.rope_type is '{Printable.Clip(type)}'; expected 'yarn' or 'default'.");
        RequireReferenceBounds(keys, rope, name, factor, notices);
        double? theta = rope.Number("rope_theta", 1);
        int? context = rope.Integer(1, int.MaxValue, "original_max_position_embeddings");
        RequireSame(keys, "rope_theta", keys.Number("rope_theta", 1), $"{name}.rope_theta", theta);
        RequireSame(keys, "initial_context_length", keys.Integer(1, int.MaxValue, "initial_context_length"),
            $"{name}.original_max_position_embeddings", context);
        return config with
        {
            RopeScalingFactor = (float)factor,
            RopeTheta = (float)(theta ?? config.RopeTheta),
            InitialContextLength = context ?? config.InitialContextLength,
            RopeNtkAlpha = (float)(rope.Number("beta_slow", 0) ?? config.RopeNtkAlpha),
            RopeNtkBeta = (float)(rope.Number("beta_fast", 0) ?? config.RopeNtkBeta),
        };
    }

    /// <summary>Refuses the variants of YaRN that the reference does not have.</summary>
    private static void RequireReferenceBounds(ConfigKeys keys, ConfigKeys rope, string name, double factor, ICollection<string>? notices)
    {
        bool? truncate = rope.Flag("truncate");
        if (truncate == true)
            throw keys.Bad($"{name}.truncate is true; gpt-oss does not round the bounds of YaRN to whole channels.");
        if (factor <= 1)
            return;
        if (truncate is null)
            notices?.Add($"config.json has no {name}.truncate; assuming false, as published. Other libraries assume true and rotate differently.");
        double concentration = 0.1 * Math.Log(factor) + 1;
        if (rope.Has("attention_factor") && !rope.IsNull("attention_factor")
            && rope.Number("attention_factor", 0) is { } stated && Math.Abs(stated - concentration) > 1e-6)
            throw keys.Bad(string.Create(CultureInfo.InvariantCulture,
                $"{name}.attention_factor is {stated}; gpt-oss has 0.1·ln(factor) + 1 = {concentration}."));
        foreach (string key in (ReadOnlySpan<string>)["mscale", "mscale_all_dim"])
        {
            if (rope.Has(key) && !rope.IsNull(key))
                throw keys.Bad($"{name}.{key} is given; gpt-oss has none.");
        }
    }

    private static void RequireSame(ConfigKeys keys, string outerName, double? outer, string innerName, double? inner)
    {
        if (outer is { } a && inner is { } b && a != b)
            throw keys.Bad(string.Create(CultureInfo.InvariantCulture,
                $"{outerName} is {a} and {innerName} is {b}; they mean the same and must be equal."));
    }

    /// <summary>0 &lt; low &lt; high &lt; head_dim/2 − 1, with bound(r) = head_dim/2 · ln(context / (2π·r)) / ln(theta),
    /// low at r = β, high at r = α.</summary>
    private static void RequireOrderedBounds(ConfigKeys keys, GptOssConfig c)
    {
        if (c.RopeScalingFactor <= 1)
            return;
        double half = c.HeadDim / 2.0;
        double low = Bound(c.RopeNtkBeta), high = Bound(c.RopeNtkAlpha);
        if (!(0 < low && low < high && high < half - 1))
            throw keys.Bad(string.Create(CultureInfo.InvariantCulture,
                $"the bounds of YaRN are {low:0.####} and {high:0.####} for head_dim {c.HeadDim}; expected 0 < low < high < {half - 1}."));

        double Bound(double turns) => half * Math.Log(c.InitialContextLength / (turns * 2 * Math.PI)) / Math.Log(c.RopeTheta);
    }
}
