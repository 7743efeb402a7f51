using System.Text.Json;
using GptOss.Reference.Checkpoints;
using GptOss.Reference.Model;
using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Oracle.Synthetic;
using GptOss.Reference.Tests.Checkpoints;
using Xunit;

namespace GptOss.Reference.Tests.Model;

/// <summary>Synthetic checkpoints of a test class, gone with it.</summary>
public sealed class SmallModels : IDisposable
{
    /// <summary>The smallest model with everything in it: a window of 8 in layer 0, two query heads on one key/value head, 2 of 4 experts.</summary>
    internal const string Smallest =
        """
        {"num_hidden_layers": 2, "num_experts": 4, "experts_per_token": 2, "vocab_size": 64, "hidden_size": 32, "intermediate_size": 32,
         "swiglu_limit": 7.0, "head_dim": 32, "num_attention_heads": 2, "num_key_value_heads": 1, "sliding_window": 8,
         "initial_context_length": 4096, "rope_theta": 150000.0, "rope_scaling_factor": 32.0, "rope_ntk_alpha": 1.0, "rope_ntk_beta": 32.0}
        """;

    /// <summary>The same with a context of 24 positions, and so without a ring.</summary>
    internal static readonly string Short = Smallest
        .Replace("4096", "24", StringComparison.Ordinal)
        .Replace("32.0, \"rope_ntk", "1.0, \"rope_ntk", StringComparison.Ordinal);

    private readonly TemporaryFolder _folder = new();
    private readonly Dictionary<string, string> _paths = [];

    /// <summary>The checkpoint behind the shape-base recordings.</summary>
    internal string ShapeBase => Write(BaseConfig, 7);

    /// <summary>The token ids of the shape-base recordings.</summary>
    internal static int[] BaseIds { get; } = [.. Manifest.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32())];

    internal static string BaseConfig => Manifest.GetProperty("config").GetRawText();

    private static JsonElement Manifest
    {
        get
        {
            using JsonDocument manifest = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(TestData.Golden("shape-base"), "manifest.json")));
            return manifest.RootElement.Clone();
        }
    }

    public void Dispose() => _folder.Dispose();

    /// <summary>Folder of the checkpoint with this configuration and seed, written once.</summary>
    internal string Write(string config, ulong seed)
    {
        if (!_paths.TryGetValue(config + seed, out string? path))
        {
            _paths.Add(config + seed, path = _folder.File($"{_paths.Count}"));
            SyntheticCheckpoint.Write(path, config, seed, cancellation: TestContext.Current.CancellationToken);
        }
        return path;
    }

    /// <summary>A copy with some bytes of a tensor replaced.</summary>
    internal string Patch(string folder, string tensor, long at, byte[] bytes)
    {
        string copy = _folder.File($"{Guid.NewGuid():N}");
        Directory.CreateDirectory(copy);
        foreach (string file in Directory.EnumerateFiles(folder))
            File.Copy(file, Path.Combine(copy, Path.GetFileName(file)));
        long begin;
        using (Checkpoint checkpoint = Checkpoint.Open(copy))
        {
            StoredTensor stored = checkpoint.Tensors.Single(t => t.Info.Name == tensor);
            begin = new FileInfo(stored.File).Length - checkpoint.Tensors.Max(t => t.Info.End) + stored.Info.Begin;
        }
        using FileStream model = File.OpenWrite(Path.Combine(copy, "model.safetensors"));
        model.Position = begin + at;
        model.Write(bytes);
        return copy;
    }

    /// <summary>Ids of a vocabulary, the same for the same seed.</summary>
    internal static int[] Ids(int count, int vocabulary, int seed)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, count).Select(_ => random.Next(vocabulary))];
    }

    internal static Transformer Load(string folder, int threads = 1, RegisterWidth? width = null, Precision precision = Precision.Float32) =>
        Transformer.Load(folder, new ModelOptions { Threads = threads, Width = width ?? RegisterWidths.Widest, Precision = precision });

    /// <summary>The logits of every token, fed in pieces of the sizes that <paramref name="pieces"/> gives (the last for ever).</summary>
    internal static float[] Logits(Transformer model, Sequence sequence, ReadOnlyMemory<int> ids, params int[] pieces)
    {
        List<float> all = [];
        for (int at = 0, piece = 0; at < ids.Length; piece++)
        {
            int count = Math.Min(pieces.Length == 0 ? ids.Length : pieces[Math.Min(piece, pieces.Length - 1)], ids.Length - at);
            Append(all, model.Forward(new BatchItem(sequence, ids.Slice(at, count), LogitRows.All)));
            at += count;
        }
        return [.. all];
    }

    internal static void Append(List<float> all, Rows rows)
    {
        for (int row = 0; row < rows.Count; row++)
            all.AddRange(rows[row]);
    }

    internal static string Hash(ReadOnlySpan<float> logits)
    {
        using LogitsHash hash = new();
        hash.Add(logits);
        return hash.ToString();
    }
}
