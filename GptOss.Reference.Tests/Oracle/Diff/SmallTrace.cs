using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Checkpoints.Safetensors;
using GptOss.Reference.Checkpoints.Storage;
using GptOss.Reference.Model;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Oracle.Packs;
using GptOss.Reference.Oracle.Synthetic;
using GptOss.Reference.Tests.Checkpoints;

namespace GptOss.Reference.Tests.Oracle.Diff;

/// <summary>A trace of six tokens through a synthetic model of two layers, and copies of it to be damaged.</summary>
public sealed class SmallTrace : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public SmallTrace()
    {
        SyntheticCheckpoint.Write(_folder.File("model"), SmallShapes.SixteenPositions, seed: 3);
        using var model = Transformer.Load(_folder.File("model"), new() { Threads = 1 });
        Config = model.Config;
        TraceFile.Write(model, Ids, Folder);
        TraceFile.Write(model, Ids, _folder.File("some"), new() { Positions = [0, 3, 5] });
        using var narrow = Transformer.Load(_folder.File("model"), new() { Threads = 1, Precision = Precision.Bfloat16 });
        TraceFile.Write(narrow, Ids, _folder.File("bfloat16"));
        Stages = File.ReadAllBytes(Path.Combine(Folder, "stages.safetensors"));
    }

    internal static int[] Ids => [5, 77, 400, 3, 9, 210];

    internal GptOssConfig Config { get; }

    /// <summary>The whole trace in float32.</summary>
    internal string Folder => _folder.File("trace");

    /// <summary>Three of its positions.</summary>
    internal string SomePositions => _folder.File("some");

    /// <summary>The same tokens in bfloat16.</summary>
    internal string InBfloat16 => _folder.File("bfloat16");

    internal string Model => _folder.File("model");

    /// <summary>The bytes of its safetensors.</summary>
    internal byte[] Stages { get; }

    /// <summary>A copy with other bytes.</summary>
    internal string Copy(byte[] stages, string? manifest = null)
    {
        manifest ??= File.ReadAllText(Path.Combine(Folder, "manifest.json"));
        _folder.Write("copy/manifest.json", manifest);
        _folder.Write("copy/stages.safetensors", stages);
        return _folder.File("copy");
    }

    /// <summary>A copy in which one tensor's values are changed; values are float32.</summary>
    internal string Changed(string stage, Action<float[]> change) => Copy(ChangedStages(stage, change));

    internal byte[] ChangedStages(string stage, Action<float[]> change, byte[]? from = null)
    {
        byte[] stages = [.. from ?? Stages];
        (int start, int bytes) = Place(stage);
        float[] values = new float[bytes / 4];
        Buffer.BlockCopy(stages, start, values, 0, bytes);
        change(values);
        Buffer.BlockCopy(values, 0, stages, start, bytes);
        return stages;
    }

    /// <summary>A copy in which one tensor's integers are changed.</summary>
    internal byte[] ChangedExperts(string stage, Action<int[]> change)
    {
        byte[] stages = [.. Stages];
        (int start, int bytes) = Place(stage);
        int[] values = new int[bytes / 4];
        Buffer.BlockCopy(stages, start, values, 0, bytes);
        change(values);
        Buffer.BlockCopy(values, 0, stages, start, bytes);
        return stages;
    }

    internal float[] Values(string stage)
    {
        using var file = SafeTensorsFile.Open(Path.Combine(Folder, "stages.safetensors"));
        return file.Floats(stage).ToArray();
    }

    internal IReadOnlyList<TensorInfo> Tensors()
    {
        using var file = SafeTensorsFile.Open(Path.Combine(Folder, "stages.safetensors"));
        return [.. file.Tensors];
    }

    /// <summary>First byte in the file, and length.</summary>
    internal (int Start, int Bytes) Place(string stage)
    {
        IReadOnlyList<TensorInfo> tensors = Tensors();
        TensorInfo tensor = tensors.First(tensor => tensor.Name == stage);
        return ((int)(Stages.Length - tensors[^1].End + tensor.Begin), (int)tensor.ByteCount);
    }

    internal string Write(string name, byte[] content) => _folder.Write(name, content);

    internal string Write(string name, string content) => _folder.Write(name, content);

    internal string File2(string name) => _folder.File(name);

    public void Dispose() => _folder.Dispose();
}
