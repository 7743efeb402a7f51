using System.Globalization;
using System.Text;
using System.Text.Json;
using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Checkpoints.Safetensors;
using GptOss.Reference.Checkpoints.Storage;
using GptOss.Reference.Ground;

namespace GptOss.Reference.Oracle.Synthetic;

/// <summary>Writes checkpoints of any shape from a seed, in the original layout: the same bytes on every machine, at the speed of the disk.</summary>
/// <remarks>For measuring and for goldens; the weights mean nothing. Source: testdata/goldens/recipe/synthetic.py, which gives the same
/// files.</remarks>
public static class SyntheticCheckpoint
{
    /// <summary>The name of the file with the configuration.</summary>
    internal const string ConfigName = "config.json";

    private const string ModelName = "model.safetensors";

    /// <summary>The configuration of a published shape, in the original dialect: <c>20b</c> or <c>120b</c>.</summary>
    /// <param name="shape"><c>20b</c> or <c>120b</c>.</param>
    /// <param name="layers">Layers, where not the published 24 or 36.</param>
    /// <exception cref="ArgumentException">Another shape, or no layer.</exception>
    public static string ConfigFor(string shape, int? layers = null)
    {
        GptOssConfig published = shape switch
        {
            "20b" => PublishedShapes.Gpt20b,
            "120b" => PublishedShapes.Gpt120b,
            _ => throw new ArgumentException($"There is no published shape '{shape}'; expected 20b or 120b.", nameof(shape)),
        };
        if (layers is { } count)
            ArgumentOutOfRangeException.ThrowIfLessThan(count, 1, nameof(layers));
        return string.Create(CultureInfo.InvariantCulture, $$"""
            {
              "num_hidden_layers": {{layers ?? published.NumHiddenLayers}},
              "num_experts": {{published.NumExperts}},
              "experts_per_token": 4,
              "vocab_size": 201088,
              "hidden_size": 2880,
              "intermediate_size": 2880,
              "swiglu_limit": 7.0,
              "head_dim": 64,
              "num_attention_heads": 64,
              "num_key_value_heads": 8,
              "sliding_window": 128,
              "initial_context_length": 4096,
              "rope_theta": 150000.0,
              "rope_scaling_factor": 32.0,
              "rope_ntk_alpha": 1.0,
              "rope_ntk_beta": 32.0
            }
            """).ReplaceLineEndings("\n");
    }

    /// <summary>Bytes of the <c>model.safetensors</c> that <see cref="Write"/> would make.</summary>
    /// <exception cref="CheckpointFormatException">The configuration is not possible.</exception>
    public static long FileBytes(string configJson)
    {
        byte[] start = Start(Check(ref configJson), out TensorInfo[] tensors);
        return start.Length + tensors[^1].End;
    }

    /// <summary>Writes <c>config.json</c> and <c>model.safetensors</c>.</summary>
    /// <param name="folder">Created where missing.</param>
    /// <param name="configJson">A configuration. In the original dialect it is written with the same keys, order and spelling of numbers, indented by
    /// two; one in transformers' becomes one in the original dialect.</param>
    /// <param name="seed">Any number; the golden packs state theirs.</param>
    /// <param name="force">Replaces files that are there; otherwise they are refused.</param>
    /// <param name="progress">Receives bytes written so far, ascending, about once per MiB, from the writing threads.</param>
    /// <param name="cancellation">Stops the work; nothing is left behind.</param>
    /// <exception cref="CheckpointFormatException">The configuration is not possible.</exception>
    /// <exception cref="IOException">A file exists and <paramref name="force"/> is false; too little space; or writing fails. Nothing half-written is
    /// left.</exception>
    public static void Write(string folder, string configJson, ulong seed, bool force = false, IProgress<long>? progress = null,
        CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(folder);
        GptOssConfig config = Check(ref configJson);
        byte[] start = Start(config, out TensorInfo[] tensors);
        long total = start.Length + tensors[^1].End;
        string model = Path.Combine(folder, ModelName), configFile = Path.Combine(folder, ConfigName);
        foreach (string target in (ReadOnlySpan<string>)[model, configFile])
        {
            if (!force && OutputTarget.Of(target).Replaces)
                throw new IOException($"{target} exists; give another folder, or force its replacement.");
        }
        SyntheticFile.Write(model, total, start, Chunks(tensors, new(config, seed), start.Length), force, progress, cancellation);
        AtomicFile.Write(configFile, file => file.Write(Formatted(configJson)), replace: force);
    }

    /// <summary>Reads the configuration, and puts it into the original dialect where it is in the other.</summary>
    internal static GptOssConfig Check(ref string configJson)
    {
        GptOssConfig config = ConfigReader.Parse(configJson, ConfigName);
        using JsonDocument document = JsonDocuments.Parse(Encoding.UTF8.GetBytes(configJson), ConfigName, "config-json");
        if (ConfigReader.DialectOf(document.RootElement) == CheckpointLayout.HuggingFace)
        {
            configJson = ConfigWriter.Write(config);
        }
        else if (!document.RootElement.TryGetProperty("num_experts", out _) || !document.RootElement.TryGetProperty("experts_per_token", out _))
        {
            throw new CheckpointFormatException(ConfigName, "config-missing-key",
                "the original dialect needs the keys num_experts and experts_per_token.");
        }
        return config;
    }

    private static byte[] Formatted(string configJson)
    {
        using JsonDocument document = JsonDocuments.Parse(Encoding.UTF8.GetBytes(configJson), ConfigName, "config-json");
        return Encoding.ASCII.GetBytes(PythonJson.Indented(document.RootElement));
    }

    private static byte[] Start(GptOssConfig config, out TensorInfo[] tensors) => SafeTensorsWriter.Start(
        TensorNames.Inventory(config, CheckpointLayout.Original).Select(tensor => (tensor.Name, tensor.DType, tensor.Shape)), null, out tensors);

    private static IEnumerable<SyntheticFile.Chunk> Chunks(TensorInfo[] tensors, SyntheticTensor.Source source, long dataStart)
    {
        foreach (TensorInfo tensor in tensors)
        {
            SyntheticTensor content = source.Tensor(tensor.Name);
            for (long at = 0; at < tensor.ByteCount; at += SyntheticFile.ChunkBytes)
            {
                long position = at;
                yield return new(dataStart + tensor.Begin + at, (int)Math.Min(SyntheticFile.ChunkBytes, tensor.ByteCount - at),
                    bytes => content.Fill(position, bytes));
            }
        }
    }
}
