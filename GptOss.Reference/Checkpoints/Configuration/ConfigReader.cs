using System.Text;
using System.Text.Json;
using GptOss.Reference.Checkpoints.Safetensors;
using GptOss.Reference.Ground;

namespace GptOss.Reference.Checkpoints.Configuration;

/// <summary>Reads <c>config.json</c> in either dialect. What it returns has been checked: every size is positive and every tensor fits a
/// view.</summary>
/// <remarks>
/// Unknown keys are ignored; a known key with an unusable value is refused. A document with <c>model_type</c> is the transformers dialect.
/// Sources: <c>gpt_oss/torch/model.py</c> (<c>ModelConfig</c>, and the bounds its rotary table asserts); transformers,
/// <c>configuration_gpt_oss.py</c> and the published files.
/// </remarks>
internal static class ConfigReader
{
    // Far above any published model, and low enough that no number of a file alone takes gigabytes or hours: what a forward pass keeps for a
    // chunk of tokens grows with experts_per_token times a width, a ring of keys with the window times the key/value channels.
    internal const int MaxLayers = 4096, MaxVocabulary = 1 << 22, MaxWidth = 1 << 16, MaxHeads = 1024, MaxHeadDim = 1024;
    internal const int MaxExperts = 4096, MaxExpertsPerToken = 64;
    private const int MaxExpertChannels = 1 << 17;
    private const int MaxQueryChannels = 1 << 16, MaxKeyValueChannels = 1 << 13, MaxWindow = 1 << 16;

    /// <summary>Positions up to here are exact in float32.</summary>
    internal const int MaxPositions = 1 << 24;

    /// <summary>Reads a configuration file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="notices">Receives sentences about values that had to be assumed.</param>
    /// <exception cref="CheckpointFormatException">Unreadable, not JSON, a required key missing, or a value that cannot be.</exception>
    public static GptOssConfig Read(string path, ICollection<string>? notices = null) =>
        Parse(Files.ReadAll(path, JsonDocuments.MaxBytes), path, notices);

    /// <inheritdoc cref="Parse(ReadOnlySpan{byte}, string, ICollection{string}?)"/>
    public static GptOssConfig Parse(string json, string file, ICollection<string>? notices = null) =>
        Parse(Encoding.UTF8.GetBytes(json), file, notices);

    /// <summary>Reads the text of a configuration.</summary>
    /// <param name="json">UTF-8 JSON.</param>
    /// <param name="file">Its name, for messages.</param>
    /// <param name="notices">Receives sentences about values that had to be assumed.</param>
    /// <exception cref="CheckpointFormatException">Not JSON, a required key missing, or a value that cannot be.</exception>
    public static GptOssConfig Parse(ReadOnlySpan<byte> json, string file, ICollection<string>? notices = null) =>
        Parse(json.ToArray(), file, notices);

    /// <summary>The dialect of a configuration: the one with <c>model_type</c> is transformers'.</summary>
    /// <exception cref="CheckpointFormatException">Unreadable or not JSON.</exception>
    public static CheckpointLayout LayoutOf(string path)
    {
        using JsonDocument document = JsonDocuments.Parse(Files.ReadAll(path, JsonDocuments.MaxBytes), path, "config-json");
        return DialectOf(document.RootElement);
    }

    internal static CheckpointLayout DialectOf(JsonElement root) =>
        root.TryGetProperty("model_type", out JsonElement type) && type.ValueKind != JsonValueKind.Null
            ? CheckpointLayout.HuggingFace
            : CheckpointLayout.Original;

    private static GptOssConfig Parse(byte[] json, string file, ICollection<string>? notices)
    {
        using JsonDocument document = JsonDocuments.Parse(json, file, "config-json");
        var keys = new ConfigKeys(document.RootElement, file);
        RequireKeys(keys, file);
        bool huggingFace = DialectOf(document.RootElement) == CheckpointLayout.HuggingFace;
        var sizes = new GptOssConfig
        {
            NumHiddenLayers = keys.Integer(1, MaxLayers, "num_hidden_layers")!.Value,
            NumExperts = keys.Integer(1, MaxExperts, "num_experts", "num_local_experts")!.Value,
            ExpertsPerToken = keys.Integer(1, MaxExpertsPerToken, "experts_per_token", "num_experts_per_tok")!.Value,
            VocabSize = keys.Integer(1, MaxVocabulary, "vocab_size")!.Value,
            HiddenSize = keys.Integer(1, MaxWidth, "hidden_size")!.Value,
            IntermediateSize = keys.Integer(1, MaxWidth, "intermediate_size")!.Value,
            NumAttentionHeads = keys.Integer(1, MaxHeads, "num_attention_heads")!.Value,
            NumKeyValueHeads = keys.Integer(1, MaxHeads, "num_key_value_heads")!.Value,
            HeadDim = keys.Integer(2, MaxHeadDim, "head_dim")!.Value,
            SlidingWindow = keys.IsNull("sliding_window") ? 0 : keys.Integer(0, MaxPositions, "sliding_window") ?? 128,
        };
        GptOssConfig config = sizes with
        {
            SwigluLimit = (float)(keys.Number("swiglu_limit", 0) ?? sizes.SwigluLimit),
            SwigluAlpha = (float)(keys.Number("swiglu_alpha", 0) ?? sizes.SwigluAlpha),
            RmsNormEps = (float)(keys.Number("rms_norm_eps", 0) ?? sizes.RmsNormEps),
        };
        if (huggingFace)
            RequirePublishedArchitecture(keys);
        RequireShapesThatFit(config, keys.Bad);
        config = RopeReader.Read(keys, config, huggingFace, notices);
        config = config with { SlidingLayers = SlidingLayers(keys, config), MaxPositions = Positions(keys, config) };
        RequireWindowThatFits(config, keys.Bad);
        return config;
    }

    private static void RequireKeys(ConfigKeys keys, string file)
    {
        ReadOnlySpan<string[]> required =
        [
            ["num_hidden_layers"], ["num_experts", "num_local_experts"], ["experts_per_token", "num_experts_per_tok"], ["vocab_size"],
            ["hidden_size"],
            ["intermediate_size"], ["num_attention_heads"], ["num_key_value_heads"], ["head_dim"],
        ];
        var missing = new List<string>();
        foreach (string[] names in required)
        {
            if (!names.Any(keys.Has))
                missing.Add(string.Join(" or ", names));
        }
        if (missing.Count > 0)
        {
            throw new CheckpointFormatException(file, "config-missing-key",
                missing.Count == 1 ? $"the required key {missing[0]} is missing." : $"required keys are missing: {string.Join(", ", missing)}.");
        }
    }

    private static void RequirePublishedArchitecture(ConfigKeys keys)
    {
        if (keys.Text("model_type") is var type and not "gpt_oss")
            throw keys.Bad($"model_type is '{Printable.Clip(type!)}'; expected 'gpt_oss'.");
        if (keys.Flag("attention_bias") == false)
            throw keys.Bad("attention_bias is false; gpt-oss has biases on its attention projections.");
        if (keys.Flag("tie_word_embeddings") == true)
            throw keys.Bad("tie_word_embeddings is true; gpt-oss has an unembedding of its own.");
    }

    internal static void RequireWindowThatFits(GptOssConfig config, Func<string, CheckpointFormatException> bad)
    {
        if (config.SlidingWindow > MaxWindow && config.SlidingWindow < config.MaxPositions)
            throw bad($"sliding_window is {config.SlidingWindow} in a context of {config.MaxPositions}; a window has at most {MaxWindow} positions.");
    }

    internal static void RequireShapesThatFit(GptOssConfig c, Func<string, CheckpointFormatException> bad)
    {
        if (c.HeadDim % 2 != 0)
            throw bad($"head_dim is {c.HeadDim}; expected an even number, because the rotation pairs channels.");
        if (c.NumAttentionHeads % c.NumKeyValueHeads != 0)
        {
            throw bad($"num_attention_heads is {c.NumAttentionHeads} and num_key_value_heads is {c.NumKeyValueHeads}; heads must divide " +
                $"evenly among key/value heads.");
        }
        if (c.HiddenSize % 32 != 0)
            throw bad($"hidden_size is {c.HiddenSize}; expected a multiple of 32, the length of an MXFP4 block.");
        if (c.IntermediateSize % 32 != 0)
            throw bad($"intermediate_size is {c.IntermediateSize}; expected a multiple of 32, the length of an MXFP4 block.");
        if (c.ExpertsPerToken > c.NumExperts)
        {
            throw bad(
                $"experts_per_token is {c.ExpertsPerToken} and num_experts is {c.NumExperts}; a token cannot use more experts than there are.");
        }
        RequireAtMost("num_attention_heads times head_dim", (long)c.NumAttentionHeads * c.HeadDim, MaxQueryChannels);
        RequireAtMost("num_key_value_heads times head_dim", (long)c.NumKeyValueHeads * c.HeadDim, MaxKeyValueChannels);
        RequireAtMost("experts_per_token times hidden_size", (long)c.ExpertsPerToken * c.HiddenSize, MaxExpertChannels);
        RequireAtMost("experts_per_token times intermediate_size", (long)c.ExpertsPerToken * c.IntermediateSize, MaxExpertChannels);
        foreach (ExpectedTensor tensor in TensorNames.Inventory(c with { NumHiddenLayers = 1 }, CheckpointLayout.Original))
        {
            if (SafeTensorsRules.Bits(tensor.DType, tensor.Shape) is not { } bits || bits / 8 > int.MaxValue)
            {
                throw bad($"tensor '{tensor.Name}' would be {tensor.DType} {Printable.Shape(tensor.Shape)}; one tensor may take at " +
                    $"most {int.MaxValue} bytes.");
            }
        }

        void RequireAtMost(string product, long value, int most)
        {
            if (value > most)
                throw bad($"{product} is {value}; at most {most} can be.");
        }
    }

    /// <summary>Which layers slide, where the document says so and differs from the published even ones; else null.</summary>
    private static List<bool>? SlidingLayers(ConfigKeys keys, GptOssConfig config)
    {
        if (keys.Array("layer_types") is not { } types)
            return null;
        if (types.GetArrayLength() != config.NumHiddenLayers)
        {
            throw keys.Bad(
                $"layer_types has {types.GetArrayLength()} entries and num_hidden_layers is {config.NumHiddenLayers}; expected one for each layer.");
        }
        var sliding = new List<bool>();
        foreach (JsonElement type in types.EnumerateArray())
        {
            sliding.Add(JsonDocuments.Text(type) switch
            {
                "sliding_attention" => true,
                "full_attention" => false,
                _ => throw keys.Bad(
                    $"layer_types[{sliding.Count}] is {JsonDocuments.Shown(type)}; expected 'sliding_attention' or 'full_attention'."),
            });
        }
        for (int layer = 0; layer < sliding.Count; layer++)
        {
            if (sliding[layer] != (layer % 2 == 0))
                return sliding;
        }
        return null;
    }

    /// <summary>The stated number of positions, else initial context · max(1, factor).</summary>
    private static int Positions(ConfigKeys keys, GptOssConfig config)
    {
        if (keys.Integer(1, MaxPositions, "max_position_embeddings") is { } stated)
            return stated;
        double positions = Math.Floor(config.InitialContextLength * Math.Max(1.0, config.RopeScalingFactor));
        return positions <= MaxPositions ? (int)positions
            : throw keys.Bad($"the context of {config.InitialContextLength} positions times the factor {config.RopeScalingFactor} is more " +
                $"than {MaxPositions} positions.");
    }
}
