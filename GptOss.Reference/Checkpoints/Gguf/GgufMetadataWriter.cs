using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Ground;
using GptOss.Reference.Tokens;

namespace GptOss.Reference.Checkpoints.Gguf;

/// <summary>The metadata with which llama.cpp loads a gpt-oss model, and <see cref="GgufConfig"/> and <see cref="GgufVocabulary"/> read.</summary>
/// <remarks>Source: llama.cpp, <c>conversion/gpt_oss.py</c>.</remarks>
internal static class GgufMetadataWriter
{
    private const string Prefix = "tokenizer.ggml.";
    private const int Text = 1, Control = 3, Unused = 5;

    /// <summary>Writes a configuration.</summary>
    /// <param name="writer">Receives the pairs.</param>
    /// <param name="config">The configuration.</param>
    /// <param name="where">Where it is from, for messages.</param>
    /// <exception cref="CheckpointFormatException">gguf-config: it has a number that belongs to the architecture of GGUF files, and is another
    /// there.</exception>
    internal static void AddConfig(GgufWriter writer, GptOssConfig config, string where)
    {
        var published = new GptOssConfig
        {
            NumHiddenLayers = 1, NumExperts = 1, ExpertsPerToken = 1, VocabSize = 1, HiddenSize = 1, IntermediateSize = 1, NumAttentionHeads = 1,
            NumKeyValueHeads = 1, HeadDim = 1,
        };
        Require("swiglu_limit", config.SwigluLimit, published.SwigluLimit);
        Require("swiglu_alpha", config.SwigluAlpha, published.SwigluAlpha);
        if (config.RoundsYarnBounds)
            throw new CheckpointFormatException(where, "gguf-config", "the bounds of YaRN are rounded, which a GGUF file cannot say.");

        writer.Add("general.architecture", GgufConfig.Architecture);
        writer.Add("general.type", "model");
        writer.Add("general.quantization_version", 2);
        const string p = GgufConfig.Architecture + ".";
        writer.Add(p + "block_count", config.NumHiddenLayers);
        writer.Add(p + "context_length", config.MaxPositions);
        writer.Add(p + "embedding_length", config.HiddenSize);
        writer.Add(p + "feed_forward_length", config.IntermediateSize);
        writer.Add(p + "expert_feed_forward_length", config.IntermediateSize);
        writer.Add(p + "expert_count", config.NumExperts);
        writer.Add(p + "expert_used_count", config.ExpertsPerToken);
        writer.Add(p + "attention.head_count", config.NumAttentionHeads);
        writer.Add(p + "attention.head_count_kv", config.NumKeyValueHeads);
        writer.Add(p + "attention.key_length", config.HeadDim);
        writer.Add(p + "attention.value_length", config.HeadDim);
        writer.Add(p + "attention.layer_norm_rms_epsilon", config.RmsNormEps);
        writer.Add(p + "attention.sliding_window", config.SlidingWindow);
        if (config.SlidingLayers is { } sliding)
            writer.Add(p + "attention.sliding_window_pattern", [.. sliding]);
        writer.Add(p + "rope.freq_base", config.RopeTheta);
        bool scales = config.RopeScalingFactor > 1;
        writer.Add(p + "rope.scaling.type", scales ? "yarn" : "none");
        writer.Add(p + "rope.scaling.factor", scales ? config.RopeScalingFactor : 1);
        writer.Add(p + "rope.scaling.original_context_length", config.InitialContextLength);
        writer.Add(p + "rope.scaling.yarn_beta_fast", config.RopeNtkBeta);
        writer.Add(p + "rope.scaling.yarn_beta_slow", config.RopeNtkAlpha);

        void Require(string key, float value, float expected)
        {
            if (value != expected)
                throw new CheckpointFormatException(where, "gguf-config", $"{key} is {value}; a GGUF file cannot say so, and means {expected}.");
        }
    }

    /// <summary>Writes o200k_harmony: as many of its tokens as the vocabulary has rows, and unused ones for rows beyond it.</summary>
    /// <param name="writer">Receives the pairs.</param>
    /// <param name="rows">Rows of the vocabulary.</param>
    /// <param name="where">Where the number is from, for messages.</param>
    /// <exception cref="CheckpointFormatException">gguf-vocabulary: there are too few rows for all bytes.</exception>
    internal static void AddVocabulary(GgufWriter writer, int rows, string where)
    {
        if (rows < 256)
        {
            throw new CheckpointFormatException(where, "gguf-vocabulary",
                $"vocab_size is {rows}; a GGUF file has a token for each of the 256 bytes.");
        }
        Tokenizer tokenizer = Tokenizer.O200kHarmony;
        string[] tokens = new string[rows];
        int[] types = new int[rows];
        for (int id = 0; id < rows; id++)
        {
            (tokens[id], types[id]) = !tokenizer.IsKnown(id) ? ($"[PAD{id}]", Unused)
                : tokenizer.SpecialName(id) is { } name ? (name, Control)
                : (ByteAlphabet.Spell(tokenizer.TokenBytes(id).Span), Text);
        }
        writer.Add(Prefix + "model", "gpt2");
        writer.Add(Prefix + "pre", "gpt-4o");
        writer.Add(Prefix + "tokens", tokens);
        writer.Add(Prefix + "token_type", types);
        writer.Add(Prefix + "merges", Merges(tokenizer, tokens, types));
        foreach ((string key, string name) in (ReadOnlySpan<(string, string)>)
            [("bos_token_id", "<|startoftext|>"), ("eos_token_id", "<|return|>"), ("padding_token_id", "<|endoftext|>")])
        {
            if (tokenizer.SpecialId(name) is { } id && id < rows)
                writer.Add(Prefix + key, id);
        }
    }

    /// <summary>
    /// Every pair of tokens that together are a third, in the order of the third: merging in this order is merging by rank, however a token is made.
    /// </summary>
    private static List<string> Merges(Tokenizer tokenizer, string[] tokens, int[] types)
    {
        var merges = new List<string>();
        var pairs = new List<(int Left, int Right)>();
        for (int id = 0; id < tokens.Length && types[id] == Text; id++)
        {
            ReadOnlySpan<byte> bytes = tokenizer.TokenBytes(id).Span;
            pairs.Clear();
            for (int cut = 1; cut < bytes.Length; cut++)
            {
                int left = tokenizer.FindText(bytes[..cut]), right = tokenizer.FindText(bytes[cut..]);
                if (left >= 0 && right >= 0 && left < tokens.Length && right < tokens.Length)
                    pairs.Add((left, right));
            }
            pairs.Sort();
            merges.AddRange(pairs.Select(pair => $"{tokens[pair.Left]} {tokens[pair.Right]}"));
        }
        return merges;
    }
}
