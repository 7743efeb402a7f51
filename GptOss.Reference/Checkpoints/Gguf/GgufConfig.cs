using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Ground;

namespace GptOss.Reference.Checkpoints.Gguf;

/// <summary>The numbers of a model from the metadata of its GGUF file.</summary>
/// <remarks>
/// Not in a file, because they belong to the architecture: SwiGLU's 1.702 and 7, biases, an unembedding of its own, bounds of YaRN that are not
/// rounded. Sources: llama.cpp, <c>src/llama-arch.cpp</c> and <c>conversion/gpt_oss.py</c>; Ollama, <c>convert/convert_gptoss.go</c>.
/// </remarks>
internal static class GgufConfig
{
    /// <summary>The architecture of files that llama.cpp reads.</summary>
    internal const string Architecture = "gpt-oss";

    /// <summary>That of Ollama's files until June 2026.</summary>
    internal const string OllamaArchitecture = "gptoss";

    /// <summary>The architecture of a file, which is also the prefix of its keys.</summary>
    /// <exception cref="CheckpointFormatException">It is not gpt-oss, or the file is not a model.</exception>
    internal static string ArchitectureOf(GgufMetadata metadata)
    {
        string architecture = metadata.Text("general.architecture") ?? throw metadata.Bad("the key general.architecture is missing.");
        if (architecture is not (Architecture or OllamaArchitecture))
        {
            throw metadata.Bad(
                $"general.architecture is '{Printable.Clip(architecture)}'; expected '{Architecture}' or Ollama's '{OllamaArchitecture}'.");
        }
        if (metadata.Text("general.type") is { } type && type != "model")
            throw metadata.Bad($"general.type is '{Printable.Clip(type)}'; expected 'model'.");
        return architecture;
    }

    /// <summary>Reads the configuration; sizes that only tensors state are taken from them.</summary>
    /// <param name="metadata">Of the first file.</param>
    /// <param name="tensors">Of all files, by name.</param>
    /// <param name="notices">Receives sentences about values that were assumed.</param>
    /// <exception cref="CheckpointFormatException">A key is missing or cannot be.</exception>
    internal static GptOssConfig Read(GgufMetadata metadata, IReadOnlyDictionary<string, GgufTensor> tensors, List<string> notices)
    {
        string p = ArchitectureOf(metadata) + ".";
        int layers = Needed("block_count", 1, ConfigReader.MaxLayers), hidden = Needed("embedding_length", 1, ConfigReader.MaxWidth);
        int heads = Needed("attention.head_count", 1, ConfigReader.MaxHeads),
            keyValueHeads = Needed("attention.head_count_kv", 1, ConfigReader.MaxHeads);
        int headDim = Needed("attention.key_length", 2, ConfigReader.MaxHeadDim);
        int experts = Needed("expert_count", 1, ConfigReader.MaxExperts), perToken = Needed("expert_used_count", 1, ConfigReader.MaxExpertsPerToken);
        int window = Needed("attention.sliding_window", 0, ConfigReader.MaxPositions);
        int vocabulary = Size(tensors, "token_embd.weight", 1, metadata), inner = Size(tensors, "blk.0.ffn_down_exps.weight", 0, metadata);
        Require(heads % keyValueHeads == 0, "attention.head_count", $"{heads}; expected a multiple of {keyValueHeads}, the attention.head_count_kv");
        Require(headDim % 2 == 0, "attention.key_length", $"{headDim}; expected an even number, because the rotation pairs channels");
        Require(perToken <= experts, "expert_used_count", $"{perToken}; there are {experts} experts");
        Same("attention.value_length", headDim);
        Same("rope.dimension_count", headDim);
        Same("vocab_size", vocabulary);
        Same("expert_feed_forward_length", inner);
        Same("feed_forward_length", inner);
        GptOssConfig config = new()
        {
            NumHiddenLayers = layers,
            NumExperts = experts,
            ExpertsPerToken = perToken,
            VocabSize = vocabulary,
            HiddenSize = hidden,
            IntermediateSize = inner,
            NumAttentionHeads = heads,
            NumKeyValueHeads = keyValueHeads,
            HeadDim = headDim,
            SlidingWindow = window,
            SlidingLayers = SlidingLayers(metadata, p + "attention.sliding_window_pattern", layers),
            RmsNormEps = metadata.Real(p + "attention.layer_norm_rms_epsilon", 0) ?? throw Missing("attention.layer_norm_rms_epsilon"),
            RopeTheta = metadata.Real(p + "rope.freq_base", 1) ?? throw Missing("rope.freq_base"),
        };
        ConfigReader.RequireShapesThatFit(config, metadata.Bad);
        config = Scaling(metadata, p, config, notices);
        foreach (string key in (ReadOnlySpan<string>)["rope.scaling.yarn_ext_factor", "rope.scaling.yarn_attn_factor", "rope.scaling.attn_factor",
            "expert_weights_scale"])
        {
            if (metadata.Real(p + key, float.MinValue) is { } factor)
                Require(factor == 1, key, $"{factor}; gpt-oss has 1");
        }
        if (metadata.Real(p + "rope.freq_base_swa", 1) is { } sliding)
        {
            Require(sliding == config.RopeTheta, "rope.freq_base_swa",
                $"{sliding}; gpt-oss turns all its layers by the same angles, with a base of {config.RopeTheta}");
        }
        double positions = Math.Floor(config.InitialContextLength * Math.Max(1.0, config.RopeScalingFactor));
        Require(positions <= ConfigReader.MaxPositions, "rope.scaling.factor",
            $"{config.RopeScalingFactor}, which gives more than {ConfigReader.MaxPositions} positions");
        config = config with { MaxPositions = metadata.Integer(p + "context_length", 1, ConfigReader.MaxPositions) ?? (int)positions };
        ConfigReader.RequireWindowThatFits(config, metadata.Bad);
        return config;

        int Needed(string key, int min, int max) => metadata.Integer(p + key, min, max) ?? throw Missing(key);

        CheckpointFormatException Missing(string key) => metadata.Bad($"the key {p}{key} is missing.");

        void Require(bool holds, string key, string what)
        {
            if (!holds)
                throw metadata.Bad($"{p}{key} is {what}.");
        }

        void Same(string key, int expected)
        {
            if (metadata.Integer(p + key, 0, int.MaxValue) is { } stated)
                Require(stated == expected, key, $"{stated}; expected {expected}, as tensors and other keys have it");
        }
    }

    /// <summary>YaRN, where a factor above 1 asks for it.</summary>
    private static GptOssConfig Scaling(GgufMetadata metadata, string p, GptOssConfig config, List<string> notices)
    {
        string prefix = p + "rope.scaling.";
        float? factor = metadata.Real(prefix + "factor", 0);
        string? type = metadata.Text(prefix + "type");
        if (type is not (null or "yarn") && factor is not (null or 1))
            throw metadata.Bad($"{prefix}type is '{Printable.Clip(type)}' with a factor of {factor}; expected 'yarn'.");
        if (factor is null)
            notices.Add($"The file has no {prefix}factor, so positions are not scaled.");
        if (type is not (null or "yarn") || factor is null)
            factor = 1;
        int? context = metadata.Integer(prefix + "original_context_length", 1, ConfigReader.MaxPositions);
        if (factor > 1 && context is null)
            throw metadata.Bad($"the key {prefix}original_context_length is missing.");
        config = config with
        {
            RopeScalingFactor = factor.Value,
            InitialContextLength = context ?? metadata.Integer(p + "context_length", 1, ConfigReader.MaxPositions) ?? config.InitialContextLength,
            RopeNtkBeta = metadata.Real(prefix + "yarn_beta_fast", 0) ?? config.RopeNtkBeta,
            RopeNtkAlpha = metadata.Real(prefix + "yarn_beta_slow", 0) ?? config.RopeNtkAlpha,
        };
        if (factor > 1)
        {
            RopeReader.RequireOrderedBounds(config, metadata.Bad);
            notices.Add("A GGUF file does not say whether the bounds of YaRN are rounded. The published model does not, and nor is it done here; " +
                "llama.cpp does, so its numbers differ after the first token. --yarn-bounds rounded compares with it.");
        }
        return config;
    }

    /// <summary>
    /// Which layers slide: a truth value each, or a number n, by which layer l slides where l mod n is below n − 1. Without either every other one.
    /// </summary>
    private static bool[]? SlidingLayers(GgufMetadata metadata, string key, int layers)
    {
        if (!metadata.Has(key))
            return null;
        bool[] sliding;
        if (metadata.IsArray(key))
        {
            sliding = metadata.Booleans(key, layers, "one for each layer");
        }
        else
        {
            int n = metadata.Integer(key, 1, ConfigReader.MaxLayers)!.Value;
            sliding = [.. Enumerable.Range(0, layers).Select(layer => layer % n < n - 1)];
        }
        return Enumerable.Range(0, layers).All(layer => sliding[layer] == (layer % 2 == 0)) ? null : sliding;
    }

    private static int Size(IReadOnlyDictionary<string, GgufTensor> tensors, string name, int dimension, GgufMetadata metadata)
    {
        if (!tensors.TryGetValue(name, out GgufTensor? tensor))
            throw new CheckpointFormatException(metadata.Path, "inventory", $"tensor '{name}' is missing.");
        long size = dimension < tensor.Dimensions.Count ? tensor.Dimensions[dimension] : 1;
        int most = dimension == 1 ? ConfigReader.MaxVocabulary : ConfigReader.MaxWidth;
        return size <= most ? (int)size
            : throw new CheckpointFormatException(metadata.Path, "inventory",
                $"tensor '{name}' has the dimensions {Printable.Shape(tensor.Dimensions)}; one of {size} is more than {most}.");
    }
}
