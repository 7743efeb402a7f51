using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using GptOss.Reference.Checkpoints;
using GptOss.Reference.Model;
using GptOss.Reference.Numerics;

namespace GptOss.Reference.Oracle;

/// <summary>The two files of a trace. Rows go to their place in the file as they come, so a trace may be larger than memory.</summary>
internal static class TraceFile
{
    internal const string StagesName = "stages.safetensors";
    internal const string ManifestName = "manifest.json";

    /// <summary>The stages file up to its data.</summary>
    internal static byte[] Start(GptOssConfig config, int positions, StageFilter stages, Precision precision, out TensorInfo[] tensors)
    {
        DType values = precision == Precision.Bfloat16 ? DType.BF16 : DType.F32;
        return SafeTensorsWriter.Start(
            Tracer.Wanted(config, stages).Select(key =>
                (key.Name, key.IsExperts ? DType.I32 : values, (IReadOnlyList<long>)[positions, .. key.RowShape(config)])),
            null, out tensors);
    }

    /// <summary>Writes both files; the manifest last, because without it there is no trace.</summary>
    /// <param name="model">The model.</param>
    /// <param name="ids">The token ids.</param>
    /// <param name="positions">Kept positions.</param>
    /// <param name="folder">Created where missing.</param>
    /// <param name="options">Stages, name of the checkpoint, force.</param>
    /// <param name="run">Runs the model on a recorder and returns the logits hash.</param>
    internal static string Write(Transformer model, ReadOnlyMemory<int> ids, IReadOnlyList<int> positions, string folder, TraceOptions options,
        Func<TraceRecorder, string> run)
    {
        string stages = Path.Combine(folder, StagesName), manifest = Path.Combine(folder, ManifestName);
        foreach (string target in (ReadOnlySpan<string>)[stages, manifest])
        {
            if (!options.Force && Path.Exists(target))
                throw new IOException($"{target} exists; give another folder, or force its replacement.");
        }
        bool made = !Directory.Exists(folder);
        Directory.CreateDirectory(folder);
        try
        {
            byte[] start = Start(model.Config, positions.Count, options.Stages, model.Precision, out TensorInfo[] tensors);
            string hash = "";
            AtomicFile.Write(stages, file =>
            {
                RandomAccess.Write(file.SafeFileHandle, start, 0);
                var recorder = new FileRecorder(positions, file, start.Length, tensors, model.Config);
                hash = run(recorder);
                recorder.Flush();
                File.Delete(manifest);                 // whatever stood there describes the stages that are replaced now
            }, start.Length + tensors[^1].End);
            AtomicFile.Write(manifest, file => file.Write(Manifest(model, ids.Span, positions, tensors, options, hash)));
            return hash;
        }
        catch
        {
            if (made && !Directory.EnumerateFileSystemEntries(folder).Any())
                Directory.Delete(folder);
            throw;
        }
    }

    private static byte[] Manifest(Transformer model, ReadOnlySpan<int> ids, IReadOnlyList<int> positions, TensorInfo[] stages, TraceOptions options, string hash)
    {
        using var bytes = new MemoryStream();
        using (var json = new Utf8JsonWriter(bytes, new JsonWriterOptions { Indented = true, IndentSize = 1, NewLine = "\n" }))
        {
            json.WriteStartObject();
            json.WriteString("kind", "trace");
            WriteArray(json, "ids", ids);
            WriteArray(json, "positions", [.. positions]);
            json.WriteString("checkpoint", options.CheckpointName ?? Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(model.Checkpoint.Folder))));
            WriteConfig(json, model.Config);
            json.WriteString("profile", PackNames.Of(model.Precision));
            json.WriteString("logits_hash", hash);
            if (options.Replay is { } replay)
            {
                json.WriteStartObject("replay");       // then a run of its own gives other values
                json.WriteNumber("forced", replay.Forced);
                json.WriteNumber("changed", replay.Changed);
                json.WriteEndObject();
            }
            json.WriteStartArray("stages");
            foreach (TensorInfo stage in stages)
                json.WriteStringValue(stage.Name);
            json.WriteEndArray();
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

    private static void WriteArray(Utf8JsonWriter json, string name, ReadOnlySpan<int> values)
    {
        var text = new StringBuilder("[");
        for (int i = 0; i < values.Length; i++)
            text.Append(i == 0 ? "" : ",").Append(values[i]);
        json.WritePropertyName(name);
        json.WriteRawValue(text.Append(']').ToString());           // thousands of ids on one line, not one a line
    }

    /// <summary>The numbers in the original dialect, so that a reader needs no checkpoint to know the shapes.</summary>
    private static void WriteConfig(Utf8JsonWriter json, GptOssConfig c)
    {
        json.WriteStartObject("config");
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
        json.WriteNumber("max_position_embeddings", c.MaxPositions);
        json.WriteEndObject();
    }

    /// <summary>Writes rows to their places; neighbours in the file are written together.</summary>
    private sealed class FileRecorder(IReadOnlyList<int> positions, FileStream file, long dataStart, TensorInfo[] tensors, GptOssConfig config)
        : TraceRecorder(positions, Keys(tensors, config).ToHashSet())
    {
        private readonly Dictionary<StageKey, TensorInfo> _tensors = Keys(tensors, config).Zip(tensors).ToDictionary(pair => pair.First, pair => pair.Second);
        private readonly int _rows = positions.Count;
        private readonly byte[] _buffer = new byte[1 << 20];
        private long _at;
        private int _pending;

        internal void Flush()
        {
            RandomAccess.Write(file.SafeFileHandle, _buffer.AsSpan(0, _pending), _at);
            _at += _pending;
            _pending = 0;
        }

        protected override void Keep(StageKey key, int row, ReadOnlySpan<float> values)
        {
            MoveTo(key, row);
            if (_tensors[key].DType == DType.F32)
            {
                Append(MemoryMarshal.AsBytes(values));
                return;
            }
            Span<ushort> bits = stackalloc ushort[512];
            for (int at = 0; at < values.Length; at += bits.Length)
            {
                int count = Math.Min(bits.Length, values.Length - at);
                for (int i = 0; i < count; i++)
                    bits[i] = Bfloat16.FromSingle(values[at + i]);         // exact: the profile's values are bfloat16 already
                Append(MemoryMarshal.AsBytes(bits[..count]));
            }
        }

        protected override void Keep(StageKey key, int row, ReadOnlySpan<int> experts)
        {
            MoveTo(key, row);
            Append(MemoryMarshal.AsBytes(experts));
        }

        private void MoveTo(StageKey key, int row)
        {
            TensorInfo tensor = _tensors[key];
            long at = dataStart + tensor.Begin + tensor.ByteCount / _rows * row;
            if (at == _at + _pending)
                return;
            Flush();
            _at = at;
        }

        private void Append(ReadOnlySpan<byte> bytes)
        {
            while (!bytes.IsEmpty)
            {
                if (_pending == _buffer.Length)
                    Flush();
                int count = Math.Min(bytes.Length, _buffer.Length - _pending);
                bytes[..count].CopyTo(_buffer.AsSpan(_pending));
                _pending += count;
                bytes = bytes[count..];
            }
        }

        private static IEnumerable<StageKey> Keys(TensorInfo[] tensors, GptOssConfig config) =>
            tensors.Select(tensor => StageKey.TryParse(tensor.Name, config.NumHiddenLayers, out StageKey key) ? key : throw new InvalidOperationException(tensor.Name));
    }
}
