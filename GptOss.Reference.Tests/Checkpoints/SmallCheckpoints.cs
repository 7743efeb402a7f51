using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using GptOss.Reference.Checkpoints;
using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Checkpoints.Safetensors;
using GptOss.Reference.Checkpoints.Storage;
using GptOss.Reference.Oracle.Synthetic;
using Xunit;

namespace GptOss.Reference.Tests.Checkpoints;

/// <summary>Checkpoints of a few kilobytes in either layout, to be damaged by tests.</summary>
internal static class SmallCheckpoints
{
    internal const int Layers = 2;

    internal const string Config = """
        {"num_hidden_layers": 2, "num_experts": 2, "experts_per_token": 1, "vocab_size": 32, "hidden_size": 32, "intermediate_size": 64,
         "head_dim": 64, "num_attention_heads": 2, "num_key_value_heads": 1}
        """;

    /// <summary>config.json and model.safetensors.</summary>
    internal static void WriteOriginal(string folder) =>
        SyntheticCheckpoint.Write(folder, Config, seed: 5, force: true, cancellation: TestContext.Current.CancellationToken);

    /// <summary>config.json, an index, and shards numbered as the published ones are: from zero to the number after "of".</summary>
    internal static void WriteHuggingFace(string folder, int shards = 2)
    {
        using var source = new TemporaryFolder();
        WriteOriginal(source.Path);
        Directory.CreateDirectory(folder);
        JsonObject config = JsonNode.Parse(Config)!.AsObject();
        config["model_type"] = "gpt_oss";
        config["rope_scaling"] = new JsonObject { ["rope_type"] = "yarn", ["factor"] = 32.0, ["truncate"] = false };
        File.WriteAllText(Path.Combine(folder, "config.json"), config.ToJsonString());
        using Checkpoint original = Checkpoint.Open(source.Path);
        var taken = new Dictionary<string, int>();
        var entries = new List<TensorEntry>();
        foreach (ExpectedTensor tensor in TensorNames.Inventory(original.Config, CheckpointLayout.HuggingFace))
        {
            byte[] all = tensor.DType == DType.U8
                ? original.U8(tensor.Original).ToArray() : MemoryMarshal.AsBytes(original.Bf16(tensor.Original).Span).ToArray();
            int at = taken.GetValueOrDefault(tensor.Original), bytes = (int)tensor.Shape.Aggregate(1L, (a, b) => a * b) * tensor.DType.Bits() / 8;
            taken[tensor.Original] = at + bytes;
            entries.Add(new TensorEntry(tensor.Name, tensor.DType, tensor.Shape, stream => stream.Write(all, at, bytes)));
        }
        var map = new JsonObject();
        int perShard = (entries.Count + shards - 1) / shards;
        for (int shard = 0; shard < shards; shard++)
        {
            string name = $"model-{shard:D5}-of-{shards - 1:D5}.safetensors";
            TensorEntry[] part = [.. entries.Skip(shard * perShard).Take(perShard)];
            SafeTensorsWriter.Write(Path.Combine(folder, name), part, new Dictionary<string, string> { ["format"] = "pt" });
            foreach (TensorEntry entry in part)
                map[entry.Name] = name;
        }
        var index =
            new JsonObject { ["metadata"] = new JsonObject { ["total_size"] = original.TotalBytes, ["total_parameters"] = 1 }, ["weight_map"] = map };
        File.WriteAllText(Path.Combine(folder, "model.safetensors.index.json"), index.ToJsonString());
    }

    /// <summary>Rewrites a JSON document.</summary>
    internal static void Edit(string path, Action<JsonObject> change)
    {
        JsonObject document = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
        change(document);
        File.WriteAllText(path, document.ToJsonString(new JsonSerializerOptions { WriteIndented = true }));
    }

    /// <summary>Rewrites a safetensors file with its entries changed; added and renamed ones hold zeros where the size differs.</summary>
    internal static void Edit(string path, Func<TensorInfo, IEnumerable<TensorInfo>> change)
    {
        using var copy = new TemporaryFolder();
        File.Copy(path, copy.File("old"));
        using SafeTensorsFile old = SafeTensorsFile.Open(copy.File("old"));
        SafeTensorsWriter.Write(path, old.Tensors.SelectMany(tensor => change(tensor).Select(changed =>
        {
            byte[] content = old.Bytes(tensor.Name).ToArray();
            Array.Resize(ref content, (int)changed.Shape.Aggregate(1L, (a, b) => a * b) * changed.DType.Bits() / 8);
            return new TensorEntry(changed.Name, changed.DType, changed.Shape, stream => stream.Write(content));
        })));
    }
}
