using GptOss.Reference.Ground;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Numerics.RowKernels;

namespace GptOss.Reference.Checkpoints.Configuration;

/// <summary>
/// Reads the rotary embedding's numbers, wherever a configuration puts them: flat keys, <c>rope_scaling</c>, <c>rope_parameters</c>.
/// </summary>
/// <remarks>
/// Where several of them are given they must agree. Null counts as absent. Without either object the transformers dialect has the published YaRN;
/// an object without <c>rope_type</c> means no scaling. What gpt-oss does not have is refused by name; what is not read becomes a notice.
/// Sources: <c>gpt_oss/torch/model.py</c>, <c>RotaryEmbedding</c>; transformers, <c>modeling_rope_utils.py</c>, <c>configuration_gpt_oss.py</c>.
/// </remarks>
internal static class RopeReader
{
    private static readonly string[] LayerTypes = ["sliding_attention", "full_attention"];

    /// <summary>Keys of an object that are read or refused by name.</summary>
    private static readonly string[] Known =
    [
        "rope_type", "type", "factor", "rope_theta", "original_max_position_embeddings", "beta_slow", "beta_fast", "truncate", "attention_factor",
        "mscale", "mscale_all_dim", "partial_rotary_factor",
    ];

    /// <summary>One number of the rotation and the key that it comes from.</summary>
    private readonly record struct Stated(string Key, double? Value);

    /// <summary>What one place says; null where it says nothing.</summary>
    private sealed record Rotation(Stated Theta, Stated Context, Stated Factor, Stated Slow, Stated Fast)
    {
        internal static Rotation Nothing { get; } = new(default, default, default, default, default);
    }

    internal static GptOssConfig Read(ConfigKeys keys, GptOssConfig config, bool huggingFace, ICollection<string>? notices)
    {
        RequireWholeHeads(keys);
        Rotation flat = new(
            Number(keys, "rope_theta", 1), Integer(keys, "initial_context_length"), Number(keys, "rope_scaling_factor"),
            Number(keys, "rope_ntk_alpha"), Number(keys, "rope_ntk_beta"));
        Rotation? scaling = Object(keys, "rope_scaling", notices), parameters = Object(keys, "rope_parameters", notices);
        Rotation all = Agreed(keys, Agreed(keys, flat, scaling), parameters);
        if (huggingFace && scaling is null && parameters is null)
        {
            notices?.Add("config.json has no rope_scaling; assuming the published YaRN values (factor 32).");
            all = Agreed(keys, all, Published(config));
        }
        config = config with
        {
            RopeTheta = (float?)all.Theta.Value ?? config.RopeTheta,
            InitialContextLength = (int?)all.Context.Value ?? config.InitialContextLength,
            RopeScalingFactor = (float?)all.Factor.Value ?? config.RopeScalingFactor,
            RopeNtkAlpha = (float?)all.Slow.Value ?? config.RopeNtkAlpha,
            RopeNtkBeta = (float?)all.Fast.Value ?? config.RopeNtkBeta,
            RoundsYarnBounds = keys.Text("yarn_bounds") switch
            {
                null or "published" => false,
                "rounded" => true,
                { } other => throw keys.Bad($"yarn_bounds is '{Printable.Clip(other)}'; expected 'published' or 'rounded'."),
            },
        };
        RequireOrderedBounds(config, keys.Bad);
        return config;
    }

    /// <summary>What an object says; null where there is none.</summary>
    private static Rotation? Object(ConfigKeys keys, string name, ICollection<string>? notices)
    {
        if (keys.Object(name) is not { } rope)
            return null;
        if (LayerTypes.FirstOrDefault(rope.Has) is { } layers)
            throw keys.Bad($"{name}.{layers} is given; gpt-oss turns all its layers by the same angles.");
        RequireWholeHeads(rope);
        string? type = rope.Text("rope_type") ?? rope.Text("type");
        double? factor = rope.Number("factor", 0);
        Rotation said = Rotation.Nothing with
        {
            Theta = Number(rope, "rope_theta", 1), Context = Integer(rope, "original_max_position_embeddings"), Factor = new($"{name}.rope_type", 1),
        };
        string[] unread = [.. rope.Names.Except(Known)];
        if (type is null)
        {
            // As in transformers, where a type that is not given is the default one, which does not scale.
            unread = [.. unread, .. rope.Names.Intersect(["factor", "beta_slow", "beta_fast", "truncate", "attention_factor"])];
            AddUnread(notices, name, unread, "it has no rope_type, so nothing is scaled");
            return said;
        }
        if (type != "yarn")
        {
            if (factor is { } other && other != 1)
                throw keys.Bad($"{name}.rope_type is '{Printable.Clip(type)}' with factor {other}; expected 'yarn'.");
            if (type != "default" && factor is null)
                throw keys.Bad($"{name}.rope_type is '{Printable.Clip(type)}'; expected 'yarn' or 'default'.");
            AddUnread(notices, name, unread, $"its rope_type is '{type}'");
            return said;
        }
        if (factor is null)
            throw keys.Bad($"{name}.factor is missing; YaRN needs it.");
        RequireReferenceYarn(keys, rope, name, factor.Value, notices);
        AddUnread(notices, name, unread, "YaRN has no such key");
        return said with { Factor = new($"{name}.factor", factor), Slow = Number(rope, "beta_slow"), Fast = Number(rope, "beta_fast") };
    }

    /// <summary>Refuses the variants of YaRN that the reference does not have.</summary>
    private static void RequireReferenceYarn(ConfigKeys keys, ConfigKeys rope, string name, double factor, ICollection<string>? notices)
    {
        if (factor < 1)
            throw keys.Bad($"{name}.factor is {factor}; gpt-oss has YaRN only to lengthen its context.");
        double concentration = factor > 1 ? 0.1 * Elementary.Ln(factor) + 1 : 1;
        if (rope.Number("attention_factor", 0) is { } stated && Math.Abs(stated - concentration) > 1e-6)
            throw keys.Bad($"{name}.attention_factor is {stated}; gpt-oss has 0.1·ln(factor) + 1 = {concentration}.");
        if (factor == 1)
            return;
        bool? truncate = rope.Flag("truncate");
        if (truncate == true)
            throw keys.Bad($"{name}.truncate is true; gpt-oss does not round the bounds of YaRN to whole channels.");
        if (truncate is null)
            notices?.Add($"config.json has no {name}.truncate; assuming false, as published. Other libraries assume true and rotate differently.");
        foreach (string key in (ReadOnlySpan<string>)["mscale", "mscale_all_dim"])
        {
            if (rope.Has(key))
                throw keys.Bad($"{name}.{key} is given; gpt-oss has none.");
        }
    }

    private static void RequireWholeHeads(ConfigKeys keys)
    {
        if (keys.Number("partial_rotary_factor", 0) is { } part && part != 1)
            throw keys.Bad($"{keys.Name("partial_rotary_factor")} is {part}; gpt-oss rotates whole heads.");
    }

    /// <summary>The numbers of two places, of which those that both state must be equal.</summary>
    private static Rotation Agreed(ConfigKeys keys, Rotation a, Rotation? b)
    {
        return b is null
            ? a
            : new(One(a.Theta, b.Theta), One(a.Context, b.Context), One(a.Factor, b.Factor), One(a.Slow, b.Slow), One(a.Fast, b.Fast));

        Stated One(Stated first, Stated second)
        {
            if (first.Value is { } x && second.Value is { } y && x != y)
                throw keys.Bad($"{first.Key} is {x} and {second.Key} is {y}; they mean the same and must be equal.");
            return first.Value is null ? second : first;
        }
    }

    /// <summary>What transformers takes where a configuration has neither object.</summary>
    private static Rotation Published(GptOssConfig defaults)
    {
        const string key = "the published value";
        return Rotation.Nothing with
        {
            Context = new(key, defaults.InitialContextLength), Factor = new(key, defaults.RopeScalingFactor), Slow = new(key, defaults.RopeNtkAlpha),
            Fast = new(key, defaults.RopeNtkBeta),
        };
    }

    private static void AddUnread(ICollection<string>? notices, string name, string[] unread, string why)
    {
        if (unread.Length > 0)
            notices?.Add($"{name}: {Printable.List([.. unread.Select(Printable.Clip)], ", ")} not used, since {why}.");
    }

    private static Stated Number(ConfigKeys keys, string name, double above = 0) => new(keys.Name(name), keys.Number(name, above));

    private static Stated Integer(ConfigKeys keys, string name) => new(keys.Name(name), keys.Integer(1, ConfigReader.MaxPositions, name));

    internal static void RequireOrderedBounds(GptOssConfig c, Func<string, CheckpointFormatException> bad)
    {
        if (c.RopeScalingFactor <= 1)
            return;
        var bounds = YarnBounds.Of(c.HeadDim, c.RopeTheta, c.InitialContextLength, c.RopeNtkAlpha, c.RopeNtkBeta);
        if (!bounds.AreOrderedFor(c.HeadDim))
        {
            throw bad($"the bounds of YaRN are {bounds.Low:0.####} and {bounds.High:0.####} for head_dim {c.HeadDim}; expected 0 < low < " +
                $"high < {c.HeadDim / 2 - 1}.");
        }
    }
}
