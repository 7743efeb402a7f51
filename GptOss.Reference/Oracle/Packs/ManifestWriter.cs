using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Checkpoints.Storage;
using GptOss.Reference.Ground;
using GptOss.Reference.Model;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Oracle.Stages;
using GptOss.Reference.Oracle.Traces;

namespace GptOss.Reference.Oracle.Packs;

/// <summary>The manifest of a trace or a pack, filled in as its parts become known. Format: docs/golden-packs.md.</summary>
internal sealed class ManifestWriter(Transformer model, ReadOnlyMemory<int> ids, IReadOnlyList<int> positions, IReadOnlyList<TensorInfo> tensors,
    TraceFileOptions options)
{
    private static readonly JsonWriterOptions Json = JsonText.Readable with { Indented = true, IndentSize = 1, NewLine = "\n" };

    /// <summary>Hash of the logits rows of the positions.</summary>
    internal string LogitsHash { get; set; } = "";

    /// <summary>The weights of a pack; null for a trace, which only names them.</summary>
    internal PackWeights? Weights { get; set; }

    /// <summary>The finished stages of a pack; null for a trace.</summary>
    internal FileChecksum? Stages { get; set; }

    internal byte[] ToUtf8()
    {
        using var bytes = new MemoryStream();
        using (var json = new Utf8JsonWriter(bytes, Json))
        {
            json.WriteStartObject();
            json.WriteNumber("format", PackManifest.Format);
            json.WriteString("kind", "trace");
            WriteArray(json, "ids", ids.Span);
            WriteArray(json, "positions", [.. positions]);
            WriteWeights(json);
            WriteConfig(json, model.Config);
            json.WriteString("profile", model.Precision.Name());
            json.WriteString("logits_hash", LogitsHash);
            if (options.Replay is { } replay)
            {
                json.WriteStartObject("replay");       // then a run of its own gives other values
                json.WriteNumber("forced", replay.Forced);
                json.WriteNumber("changed", replay.Changed);
                json.WriteEndObject();
            }
            json.WriteStartArray("stages");
            foreach (TensorInfo stage in tensors)
                json.WriteStringValue(stage.Name);
            json.WriteEndArray();
            if (Stages is { } file)
                WriteFiles(json, "files", [file]);
            if (options.Pack is { } pack)
            {
                json.WritePropertyName("budgets");
                BudgetsJson.Write(json, pack.Budgets);
            }
            json.WriteStartObject("produced_by");
            json.WriteString("product", "GptOss.Reference");
            json.WriteString("version", typeof(Tracer).Assembly.GetName().Version?.ToString(3));
            json.WriteString("width", model.Width.ToString());
            json.WriteString("os", RuntimeInformation.OSDescription);
            json.WriteString("architecture", RuntimeInformation.ProcessArchitecture.ToString());
            json.WriteEndObject();
            json.WriteEndObject();
        }
        bytes.WriteByte((byte)'\n');
        return bytes.ToArray();
    }

    /// <summary>A seed; or the files and the name under which they were found; or, in a trace, the name alone.</summary>
    private void WriteWeights(Utf8JsonWriter json)
    {
        string name = options.CheckpointName ?? model.Checkpoint.Name;
        if (Weights is null)
        {
            json.WriteString("checkpoint", name);
        }
        else if (Weights.Seed is { } seed)
        {
            json.WriteNumber("seed", seed);
        }
        else
        {
            json.WriteString("model", name);
            WriteFiles(json, "checkpoint", Weights.Files);
        }
    }

    private static void WriteFiles(Utf8JsonWriter json, string name, IReadOnlyList<FileChecksum> files)
    {
        json.WriteStartArray(name);
        foreach (FileChecksum file in files)
        {
            json.WriteStartObject();
            json.WriteString("file", file.File);
            json.WriteNumber("bytes", file.Bytes);
            json.WriteString("sha256", file.Sha256);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    private static void WriteArray(Utf8JsonWriter json, string name, ReadOnlySpan<int> values)
    {
        var text = new StringBuilder("[");
        for (int i = 0; i < values.Length; i++)
            text.Append(i == 0 ? "" : ",").Append(values[i]);
        json.WritePropertyName(name);
        json.WriteRawValue(text.Append(']').ToString());           // thousands of ids on one line, not one a line
    }

    /// <summary>The numbers in the original dialect, so that a reader needs no checkpoint to know the shapes.</summary>
    internal static void WriteConfig(Utf8JsonWriter json, GptOssConfig c)
    {
        json.WriteStartObject("config");
        ConfigWriter.WriteProperties(json, c);
        json.WriteEndObject();
    }
}
