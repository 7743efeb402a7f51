using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Checkpoints.Safetensors;
using GptOss.Reference.Checkpoints.Storage;
using GptOss.Reference.Ground;

namespace GptOss.Reference.Checkpoints;

/// <summary>A tensor as it is stored, and the file that holds it.</summary>
/// <param name="File">Path of the file.</param>
/// <param name="Info">Name in the checkpoint's own layout, dtype, shape and place.</param>
public sealed record StoredTensor(string File, TensorInfo Info);

/// <summary>A gpt-oss checkpoint, mapped into memory: checked whole at the door, then read by names of the original layout.</summary>
/// <remarks>
/// After <see cref="Open"/>, every tensor of the inventory is there exactly once with its shape and dtype, and nothing else is. Views are
/// the files' own bytes. They throw <see cref="ObjectDisposedException"/> after <see cref="Dispose"/>; a span taken before must not be used after.
/// Source: <c>gpt_oss/torch/weights.py</c>; transformers, <c>modeling_utils.py</c> (sharded loading).
/// </remarks>
public sealed class Checkpoint : IDisposable
{
    private readonly Shards _shards;
    private readonly Dictionary<string, string[]> _parts = new(StringComparer.Ordinal);     // original name → stored names

    private Checkpoint(CheckpointFolder folder, GptOssConfig config, Shards shards, IReadOnlyList<string> notices)
    {
        (_shards, Config, Folder, Layout, Notices) = (shards, config, folder.FolderPath, folder.Layout, notices);
        foreach (IGrouping<string, ExpectedTensor> group in TensorNames.Inventory(config, folder.Layout).GroupBy(tensor => tensor.Original))
            _parts.Add(group.Key, [.. group.Select(tensor => tensor.Name)]);
        Tensors = [.. shards.Files.SelectMany(file => file.Tensors.Select(tensor => new StoredTensor(file.Path, tensor)))];
        TotalBytes = Tensors.Sum(tensor => tensor.Info.ByteCount);
    }

    /// <summary>The checked configuration.</summary>
    public GptOssConfig Config { get; }

    /// <summary>Path of the folder that holds <c>config.json</c>; for a hub name, the snapshot in the cache.</summary>
    public string Folder { get; }

    /// <summary>The layout on disk; names passed to this class are the original ones either way.</summary>
    public CheckpointLayout Layout { get; }

    /// <summary>Sentences about values that were assumed or choices that were made; for people.</summary>
    public IReadOnlyList<string> Notices { get; }

    /// <summary>The open files, in ordinal order of their names.</summary>
    public IReadOnlyList<SafeTensorsFile> Files => _shards.Files;

    /// <summary>Every tensor under its stored name, in file and data order.</summary>
    public IReadOnlyList<StoredTensor> Tensors { get; }

    /// <summary>Bytes of all tensors, without headers: 13,761,264,768 for gpt-oss-20b.</summary>
    public long TotalBytes { get; }

    /// <summary>Finds, maps and checks a checkpoint.</summary>
    /// <param name="folderOrFileOrHubName">A folder, a <c>.safetensors</c> file, or a hub name such as <c>openai/gpt-oss-20b</c> in the Hugging Face
    /// cache.</param>
    /// <exception cref="CheckpointFormatException">Not found, unreadable, or not a gpt-oss checkpoint; the message says which rule and what to
    /// do.</exception>
    /// <exception cref="PlatformNotSupportedException">The machine is big-endian.</exception>
    public static Checkpoint Open(string folderOrFileOrHubName)
    {
        if (!BitConverter.IsLittleEndian)
            throw new PlatformNotSupportedException("Checkpoints are little-endian and are mapped as they are; this machine is big-endian.");
        CheckpointFolder folder = CheckpointFolder.Resolve(folderOrFileOrHubName);
        var notices = new List<string>(folder.Notices);
        GptOssConfig config = ConfigReader.Read(folder.ConfigPath, notices);
        Shards shards = Shards.Open(folder, notices);
        try
        {
            InventoryCheck.Require(folder.FolderPath, config, folder.Layout, shards.Tensors);
            return new Checkpoint(folder, config, shards, notices);
        }
        catch
        {
            shards.Dispose();
            throw;
        }
    }

    /// <summary>Copies all weights into private memory, on large pages where the system has them; views that are taken from here on are of the copy.</summary>
    /// <remarks>For machines that drop mapped pages which nobody has touched for a while. Changes no bit.</remarks>
    /// <param name="progress">Receives the bytes of each piece that has been copied, from the copying threads.</param>
    /// <param name="cancellation">Stops the copying; the mapped files serve on.</param>
    /// <exception cref="InsufficientMemoryException">The weights are larger than the memory that this process may use.</exception>
    internal void Preload(IProgress<long>? progress = null, CancellationToken cancellation = default)
    {
        long bytes = Files.Sum(file => file.FileBytes);
        if (bytes > GC.GetGCMemoryInfo().TotalAvailableMemoryBytes)
            throw new InsufficientMemoryException($"Preloading takes {bytes} bytes of memory; this process may use {GC.GetGCMemoryInfo().TotalAvailableMemoryBytes}.");
        foreach (SafeTensorsFile file in Files)
            file.Preload(progress, cancellation);
    }

    /// <summary>The bits of a BF16 tensor that is stored in one piece, row-major.</summary>
    /// <param name="originalName">As <c>block.0.attn.out.weight</c>.</param>
    /// <exception cref="ArgumentException">The model has no such tensor, or it is not BF16.</exception>
    /// <exception cref="InvalidOperationException">It is stored in several parts; see <see cref="Bf16Parts"/>.</exception>
    public ReadOnlyMemory<ushort> Bf16(string originalName)
    {
        string[] parts = Parts(originalName, DType.BF16);
        return parts.Length == 1
            ? _shards.FileOf(parts[0]).UInt16s(parts[0])
            : throw new InvalidOperationException($"'{originalName}' is stored as {parts.Length} tensors; read them with {nameof(Bf16Parts)}.");
    }

    /// <summary>The bits of a BF16 tensor as the pieces it is stored in, which follow each other along its first dimension.</summary>
    /// <param name="originalName">For <c>block.N.attn.qkv.weight</c> and <c>.bias</c>: one piece in the original layout; query, key, value in
    /// transformers'.</param>
    /// <exception cref="ArgumentException">The model has no such tensor, or it is not BF16.</exception>
    public IReadOnlyList<ReadOnlyMemory<ushort>> Bf16Parts(string originalName) =>
        [.. Parts(originalName, DType.BF16).Select(part => _shards.FileOf(part).UInt16s(part))];

    /// <summary>The bytes of a U8 tensor: <c>.blocks</c> of MXFP4, two weights to a byte, or their <c>.scales</c>.</summary>
    /// <remarks>Whoever uses scales asks for <see cref="RequireFiniteScales(string, int)"/> first: they are 1/17 of an expert's bytes, too many to read at opening.</remarks>
    /// <exception cref="ArgumentException">The model has no such tensor, or it is not U8.</exception>
    public ReadOnlyMemory<byte> U8(string originalName)
    {
        string part = Parts(originalName, DType.U8)[0];
        return _shards.FileOf(part).Bytes(part);
    }

    /// <summary>Reads one expert's scales and refuses 255, E8M0's NaN, so that no kernel has to ask.</summary>
    /// <param name="originalName">As <c>block.0.mlp.mlp1_weight.scales</c>.</param>
    /// <param name="expert">0-based.</param>
    /// <exception cref="ArgumentException">The model has no such tensor or expert.</exception>
    /// <exception cref="CheckpointFormatException">mxfp4-scale: a scale is 255.</exception>
    public void RequireFiniteScales(string originalName, int expert)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)expert, (uint)Config.NumExperts, nameof(expert));
        string part = Parts(originalName, DType.U8)[0];
        SafeTensorsFile file = _shards.FileOf(part);
        ReadOnlySpan<byte> all = file.Bytes(part).Span;
        int each = all.Length / Config.NumExperts, at = all.Slice(expert * each, each).IndexOf((byte)255);
        if (at >= 0)
        {
            throw new CheckpointFormatException(file.Path, "mxfp4-scale",
                $"tensor '{part}' has the scale 255 at byte {(long)expert * each + at}; E8M0 scales of weights go from 0 to 254.");
        }
    }

    /// <summary>The same for every expert of every layer: reads 1/17 of the expert weights.</summary>
    /// <exception cref="CheckpointFormatException">mxfp4-scale: a scale is 255.</exception>
    public void RequireFiniteScales()
    {
        for (int layer = 0; layer < Config.NumHiddenLayers; layer++)
        {
            for (int expert = 0; expert < Config.NumExperts; expert++)
            {
                RequireFiniteScales($"block.{layer}.mlp.mlp1_weight.scales", expert);
                RequireFiniteScales($"block.{layer}.mlp.mlp2_weight.scales", expert);
            }
        }
    }

    /// <summary>The ids that <c>eos_token_id</c> of <c>generation_config.json</c> lists, which for a folder named <c>original</c> may be in its parent; empty where none is given.</summary>
    /// <exception cref="CheckpointFormatException">The file is there and unusable.</exception>
    public IReadOnlyList<int> EosTokenIds()
    {
        GenerationConfig? config = GenerationConfig.Find(Folder);
        if (config is null && new DirectoryInfo(Folder) is { Name: "original", Parent: { } parent })
            config = GenerationConfig.Find(parent.FullName);
        return config?.EosTokenIds ?? [];
    }

    /// <summary>Unmaps every file. Views throw from here on.</summary>
    public void Dispose() => _shards.Dispose();

    private string[] Parts(string originalName, DType dtype)
    {
        ArgumentNullException.ThrowIfNull(originalName);
        if (!_parts.TryGetValue(originalName, out string[]? parts))
            throw new ArgumentException($"A gpt-oss model of {Config.NumHiddenLayers} layers has no tensor '{Printable.Clip(originalName)}'.", nameof(originalName));
        DType stored = _shards.Tensors[parts[0]].Info.DType;
        return stored == dtype ? parts : throw new ArgumentException($"'{originalName}' is {stored}, not {dtype}.", nameof(originalName));
    }
}
