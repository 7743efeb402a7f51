using System.Text.Json;
using GptOss.Reference.Ground;

namespace GptOss.Reference.Checkpoints.Configuration;

/// <summary>Writes a configuration in the original dialect, every number of it; <see cref="ConfigReader"/> reads an equal one back.</summary>
internal static class ConfigWriter
{
    /// <summary>The properties of an object that the caller has begun.</summary>
    internal static void WriteProperties(Utf8JsonWriter json, GptOssConfig c)
    {
        json.WriteNumber("num_hidden_layers", c.NumHiddenLayers);
        json.WriteNumber("num_experts", c.NumExperts);
        json.WriteNumber("experts_per_token", c.ExpertsPerToken);
        json.WriteNumber("vocab_size", c.VocabSize);
        json.WriteNumber("hidden_size", c.HiddenSize);
        json.WriteNumber("intermediate_size", c.IntermediateSize);
        json.WriteNumber("swiglu_limit", c.SwigluLimit);
        json.WriteNumber("swiglu_alpha", c.SwigluAlpha);
        json.WriteNumber("rms_norm_eps", c.RmsNormEps);
        json.WriteNumber("head_dim", c.HeadDim);
        json.WriteNumber("num_attention_heads", c.NumAttentionHeads);
        json.WriteNumber("num_key_value_heads", c.NumKeyValueHeads);
        json.WriteNumber("sliding_window", c.SlidingWindow);
        if (c.SlidingLayers is { } sliding)
        {
            json.WriteStartArray("layer_types");
            foreach (bool slides in sliding)
                json.WriteStringValue(slides ? "sliding_attention" : "full_attention");
            json.WriteEndArray();
        }
        json.WriteNumber("initial_context_length", c.InitialContextLength);
        json.WriteNumber("rope_theta", c.RopeTheta);
        json.WriteNumber("rope_scaling_factor", c.RopeScalingFactor);
        json.WriteNumber("rope_ntk_alpha", c.RopeNtkAlpha);
        json.WriteNumber("rope_ntk_beta", c.RopeNtkBeta);
        if (c.RoundsYarnBounds)
            json.WriteString("yarn_bounds", "rounded");            // only then, so that the numbers of published models stay what they were
        json.WriteNumber("max_position_embeddings", c.MaxPositions);
    }

    /// <summary>The whole document.</summary>
    internal static string Write(GptOssConfig config) => JsonText.Of(json =>
    {
        json.WriteStartObject();
        WriteProperties(json, config);
        json.WriteEndObject();
    });
}
