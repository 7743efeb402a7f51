using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Checkpoints.Safetensors;
using GptOss.Reference.Checkpoints.Storage;
using GptOss.Reference.Ground;
using GptOss.Reference.Numerics.Formats;

namespace GptOss.Reference.Checkpoints;

/// <summary>A checkpoint in safetensors files, in either published layout.</summary>
internal sealed class SafeTensorsSource : ITensorSource
{
    private readonly Shards _shards;
    private readonly GptOssConfig _config;
    private readonly Dictionary<string, string[]> _parts = new(StringComparer.Ordinal);     // original name → stored names

    private SafeTensorsSource(CheckpointLayout layout, GptOssConfig config, Shards shards)
    {
        (_shards, _config) = (shards, config);
        foreach (IGrouping<string, ExpectedTensor> group in TensorNames.Inventory(config, layout).GroupBy(tensor => tensor.Original))
            _parts.Add(group.Key, [.. group.Select(tensor => tensor.Name)]);
        Tensors = [.. shards.Files.SelectMany(file => file.Tensors.Select(tensor => new StoredTensor(file.Path, tensor, tensor.DType.ToString())))];
    }

    /// <summary>The open files, in ordinal order of their names.</summary>
    internal IReadOnlyList<SafeTensorsFile> Files => _shards.Files;

    public IReadOnlyList<string> Paths => [.. Files.Select(file => file.Path)];

    public IReadOnlyList<StoredTensor> Tensors { get; }

    public long FileBytes => Files.Sum(file => file.FileBytes);

    /// <summary>Opens the files of a folder and checks their inventory.</summary>
    /// <exception cref="CheckpointFormatException">A file or the inventory breaks a rule.</exception>
    internal static SafeTensorsSource Open(CheckpointFolder folder, GptOssConfig config, List<string> notices)
    {
        var shards = Shards.Open(folder, notices);
        try
        {
            InventoryCheck.Require(folder.FolderPath, config, folder.Layout, shards.Tensors);
            return new SafeTensorsSource(folder.Layout, config, shards);
        }
        catch
        {
            shards.Dispose();
            throw;
        }
    }

    public void Preload(IProgress<long>? progress, CancellationToken cancellation)
    {
        foreach (SafeTensorsFile file in Files)
            file.Preload(progress, cancellation);
    }

    public bool Lock(IProgress<long>? progress, CancellationToken cancellation)
    {
        bool all = true;
        foreach (SafeTensorsFile file in Files)
            all &= file.Lock(progress, cancellation);
        return all;
    }

    public ReadOnlySpan<byte> Part(StoredTensor tensor, long offset, int count) => _shards.FileOf(tensor.Info.Name).Part(tensor.Info, offset, count);

    public void Dispose() => _shards.Dispose();

    /// <summary>The bits of a BF16 tensor that is stored in one piece, row-major.</summary>
    /// <param name="originalName">As <c>block.0.attn.out.weight</c>.</param>
    /// <exception cref="ArgumentException">The model has no such tensor, or it is not BF16.</exception>
    /// <exception cref="InvalidOperationException">It is stored in several parts; see <see cref="Bf16Parts"/>.</exception>
    internal ReadOnlyMemory<ushort> Bf16(string originalName)
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
    internal IReadOnlyList<ReadOnlyMemory<ushort>> Bf16Parts(string originalName) =>
        [.. Parts(originalName, DType.BF16).Select(part => _shards.FileOf(part).UInt16s(part))];

    /// <summary>The bytes of a U8 tensor: <c>.blocks</c> of MXFP4, two weights to a byte, or their <c>.scales</c>.</summary>
    /// <exception cref="ArgumentException">The model has no such tensor, or it is not U8.</exception>
    internal ReadOnlyMemory<byte> U8(string originalName)
    {
        string part = Parts(originalName, DType.U8)[0];
        return _shards.FileOf(part).Bytes(part);
    }

    /// <summary>The matrices of a tensor, as the pieces it is stored in, which follow each other along its rows.</summary>
    /// <param name="originalName">As <c>block.0.attn.qkv.weight</c>; experts without the ending, <c>block.0.mlp.mlp1_weight</c>.</param>
    /// <exception cref="ArgumentException">The model has no such tensor, or it is not a matrix.</exception>
    public IReadOnlyList<Weights> Matrices(string originalName)
    {
        if (_parts.ContainsKey(originalName + ".blocks"))
        {
            string scales = Parts(originalName + ".scales", DType.U8)[0];
            IReadOnlyList<long> shape = _shards.Tensors[Parts(originalName + ".blocks", DType.U8)[0]].Info.Shape;
            return [new Mxfp4Experts(U8(originalName + ".blocks"), U8(originalName + ".scales"), (int)shape[0], (int)shape[1],
                (int)shape[2] * Mxfp4.BlockWeights)
            {
                Refusal = found => Refusal("mxfp4-scale", scales, found),
            }];
        }
        return [.. Parts(originalName, DType.BF16).Select(part =>
        {
            IReadOnlyList<long> shape = _shards.Tensors[part].Info.Shape;
            return shape.Count == 2
                ? new Bf16Matrix(_shards.FileOf(part).UInt16s(part), (int)shape[0],
                    (int)shape[1]) { Refusal = found => Refusal("bfloat16-value", part, found) }
                : throw new ArgumentException($"'{originalName}' is {Printable.Shape(shape)}, not a matrix.", nameof(originalName));
        })];
    }

    /// <summary>The values of a bias, gain or sinks, as the pieces it is stored in.</summary>
    /// <exception cref="ArgumentException">The model has no such tensor.</exception>
    public IReadOnlyList<StoredVector> Vectors(string originalName) => [.. Bf16Parts(originalName).Select(part => new StoredVector(part))];

    /// <summary>Reads every weight and refuses the first that is not a finite number: a scale of 255, a bfloat16 NaN or infinity.</summary>
    /// <param name="cancellation">Stops between two matrices.</param>
    /// <returns>How many values and scales there are.</returns>
    /// <exception cref="CheckpointFormatException">mxfp4-scale or bfloat16-value: where it is.</exception>
    public long RequireNumbers(CancellationToken cancellation)
    {
        long numbers = 0;
        foreach ((string name, string[] parts) in _parts)
        {
            cancellation.ThrowIfCancellationRequested();
            StoredTensor first = _shards.Tensors[parts[0]];
            if (name.EndsWith(".blocks", StringComparison.Ordinal))
                continue;                              // every code is a number; the scales make them NaN
            numbers += parts.Sum(part => _shards.Tensors[part].Info.Shape.Aggregate(1L, (a, b) => a * b));
            if (first.Info.DType == DType.U8)
            {
                Weights experts = Matrices(name[..^".scales".Length])[0];
                for (int expert = 0; expert < experts.Count; expert++)
                    experts.RequireNumbers(expert);
                continue;
            }
            foreach (string part in parts)
            {
                if (new Bf16Matrix(_shards.FileOf(part).UInt16s(part), 1, _shards.FileOf(part).UInt16s(part).Length).FindNotANumber(0) is { } found)
                    throw Refusal("bfloat16-value", part, found);
            }
        }
        return numbers;
    }

    private CheckpointFormatException Refusal(string rule, string stored, NotANumber found) =>
        new(_shards.FileOf(stored).Path, rule, $"tensor '{stored}' has {found.Found} at byte {found.Offset}; {found.Expected}.");

    private string[] Parts(string originalName, DType dtype)
    {
        ArgumentNullException.ThrowIfNull(originalName);
        if (!_parts.TryGetValue(originalName, out string[]? parts))
        {
            throw new ArgumentException($"A gpt-oss model of {_config.NumHiddenLayers} layers has no tensor '{Printable.Clip(originalName)}'.",
                nameof(originalName));
        }
        DType stored = _shards.Tensors[parts[0]].Info.DType;
        return stored == dtype ? parts : throw new ArgumentException($"'{originalName}' is {stored}, not {dtype}.", nameof(originalName));
    }
}
