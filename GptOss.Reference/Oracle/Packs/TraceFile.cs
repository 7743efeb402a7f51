using System.Runtime.InteropServices;
using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Checkpoints.Safetensors;
using GptOss.Reference.Checkpoints.Storage;
using GptOss.Reference.Model;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Oracle.Stages;
using GptOss.Reference.Oracle.Traces;
using Microsoft.Win32.SafeHandles;

namespace GptOss.Reference.Oracle.Packs;

/// <summary>What is traced, and how it is written.</summary>
public sealed record TraceFileOptions : TraceOptions
{
    /// <summary>How the manifest names the checkpoint, such as <c>openai/gpt-oss-20b</c>; null for the name of its folder.</summary>
    public string? CheckpointName { get; init; }

    /// <summary>Makes a pack of the trace: weights by seed or checksum, and budgets; null for a trace alone.</summary>
    public PackOptions? Pack { get; init; }

    /// <summary>Replaces a trace that is there; otherwise it is refused.</summary>
    public bool Force { get; init; }
}

/// <summary>The two files of a trace or a pack. Rows go to their place in the file as they come, so a trace may be larger than memory.</summary>
public static class TraceFile
{
    internal const string StagesName = "stages.safetensors";

    /// <summary>Length in bytes of the <c>stages.safetensors</c> that <see cref="Write"/> makes.</summary>
    /// <param name="config">The model's numbers.</param>
    /// <param name="positions">How many positions are kept.</param>
    /// <param name="stages">The stages that are kept.</param>
    /// <param name="precision">bfloat16 takes half of float32.</param>
    public static long SizeOf(GptOssConfig config, int positions, StageFilter stages, Precision precision)
    {
        byte[] start = Start(config, positions, stages, precision, out TensorInfo[] tensors);
        return start.Length + (tensors.Length == 0 ? 0 : tensors[^1].End);
    }

    /// <summary>
    /// Runs ids through a model and writes <c>stages.safetensors</c> and <c>manifest.json</c>; memory does not grow with the trace.
    /// </summary>
    /// <param name="model">The model.</param>
    /// <param name="ids">Token ids; at least one.</param>
    /// <param name="folder">Created where missing.</param>
    /// <param name="options">Positions, stages, progress, what makes it a pack, and whether a trace that is there is replaced.</param>
    /// <param name="cancellation">Stops between chunks; nothing is left behind.</param>
    /// <returns>The hash of the logits rows of the positions, whether or not logits are among the stages.</returns>
    /// <exception cref="ArgumentException">No ids, or positions that do not ascend within them.</exception>
    /// <exception cref="StageNameException">No stage has such a name.</exception>
    /// <exception cref="IOException">A trace is there and is not to be replaced, the disk is full, or a file cannot be written. Nothing half-written
    /// is left.</exception>
    public static string Write(Transformer model, ReadOnlyMemory<int> ids, string folder, TraceFileOptions? options = null,
        CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(folder);
        options ??= new();
        IReadOnlyList<int> positions = Tracer.PositionsOf(options, ids.Length);
        _ = Tracer.Wanted(model.Config, options.Stages);
        bool made = !Directory.Exists(folder);
        MakeFolder(folder);
        try
        {
            using (Claim(folder))
                return WriteClaimed(model, ids, positions, folder, options, cancellation);
        }
        catch
        {
            if (made && !Directory.EnumerateFileSystemEntries(folder).Any())
                Directory.Delete(folder);
            throw;
        }
    }

    /// <summary>The stages file up to its data.</summary>
    private static byte[] Start(GptOssConfig config, int positions, StageFilter stages, Precision precision, out TensorInfo[] tensors)
    {
        DType values = precision == Precision.Bfloat16 ? DType.BF16 : DType.F32;
        return SafeTensorsWriter.Start(
            Tracer.Wanted(config, stages).Select(key =>
                (key.Name, key.IsExperts ? DType.I32 : values, (IReadOnlyList<long>)[positions, .. key.RowShape(config)])),
            null, out tensors);
    }

    // The manifest last, because without it there is no trace.
    private static string WriteClaimed(Transformer model, ReadOnlyMemory<int> ids, IReadOnlyList<int> positions, string folder,
        TraceFileOptions options,
        CancellationToken cancellation)
    {
        string stagesPath = Target(Path.Combine(folder, StagesName), options.Force);
        string manifestPath = Target(Path.Combine(folder, PackManifest.FileName), options.Force);
        byte[] start = Start(model.Config, positions.Count, options.Stages, model.Precision, out TensorInfo[] tensors);
        var manifest = new ManifestWriter(model, ids, positions, tensors, options);
        AtomicFile.WriteAnywhere(stagesPath, start.Length + tensors[^1].End, file =>
        {
            if (options.Pack is { } pack)              // after room for the stages was found, before the run
                manifest.Weights = PackWeights.Of(model.Checkpoint, pack.Reading, cancellation);
            RandomAccess.Write(file, start, 0);
            var recorder = new FileRecorder(positions, file, start.Length, tensors, model.Config);
            manifest.LogitsHash = Tracer.Run(model, ids, positions, recorder, options, cancellation);
            recorder.Flush();
            File.Delete(manifestPath);                 // whatever stood there describes the stages that are replaced now
        }, options.Force);
        try
        {
            if (options.Pack is { } pack)
                manifest.Stages = FileChecksum.Of(stagesPath, pack.Reading, cancellation);
            AtomicFile.Write(manifestPath, file => file.Write(manifest.ToUtf8()), replace: options.Force);
            return manifest.LogitsHash;
        }
        catch
        {
            File.Delete(stagesPath);                   // without a manifest it says nothing
            throw;
        }
    }

    private static string Target(string path, bool force)
    {
        var target = OutputTarget.Of(path);
        return !target.IsFile ? throw new IOException($"{path} is a pipe or a device; expected the name of a file.")
            : target.Exists && !force ? throw new IOException($"{path} exists; give another folder, or force its replacement.")
            : target.Path;
    }

    // Two runs that wrote to one folder at the same time would leave the stages of one beside the manifest of the other.
    private static FileStream Claim(string folder)
    {
        string claim = Path.Combine(folder, ".writing");
        try
        {
            return new(claim, FileMode.OpenOrCreate, FileAccess.Write, FileShare.None, bufferSize: 0, FileOptions.DeleteOnClose);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new IOException(File.Exists(claim)
                ? $"Another run is writing to {folder}; give another folder."
                : $"{folder} cannot be written: {e.Message}", e);
        }
    }

    private static void MakeFolder(string folder)
    {
        try
        {
            Directory.CreateDirectory(folder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new IOException(File.Exists(folder)
                ? $"{folder} is a file; expected a folder."
                : $"The folder {folder} cannot be made: {e.Message}", e);
        }
    }

    /// <summary>Writes rows to their places; neighbours in the file are written together.</summary>
    private sealed class FileRecorder(IReadOnlyList<int> positions, SafeFileHandle file, long dataStart, TensorInfo[] tensors, GptOssConfig config)
        : TraceRecorder(positions, Keys(tensors, config).ToHashSet())
    {
        private readonly Dictionary<StageKey, TensorInfo> _tensors = Keys(tensors, config).Zip(tensors)
            .ToDictionary(pair => pair.First, pair => pair.Second);
        private readonly int _rows = positions.Count;
        private readonly byte[] _buffer = new byte[1 << 20];
        private long _at;
        private int _pending;

        internal void Flush()
        {
            RandomAccess.Write(file, _buffer.AsSpan(0, _pending), _at);
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
            tensors.Select(tensor =>
                StageKey.TryParse(tensor.Name, config.NumHiddenLayers, out StageKey key) ? key : throw new InvalidOperationException(tensor.Name));
    }
}
