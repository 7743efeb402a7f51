using System.Runtime.CompilerServices;
using GptOss.Reference.Checkpoints.Storage;
using GptOss.Reference.Ground;

namespace GptOss.Reference.Checkpoints.Safetensors;

/// <summary>One safetensors file, mapped into memory: named, typed, shaped views of its bytes, without copies.</summary>
/// <remarks>
/// <para>Layout: u64 N (little-endian), N bytes of JSON header, then the data. Every rule is checked before a view exists.</para>
/// <para>Opening allocates less than 1 MiB + 64 · header bytes whatever the file says; views allocate nothing but themselves.</para>
/// <para>Views throw <see cref="ObjectDisposedException"/> after <see cref="Dispose"/>. A span taken before must not be used after.
/// Elements may start at any byte: a header whose length is not a multiple of the element size shifts them, and x64 and Arm64 read them all the
/// same.</para>
/// <para>Source: huggingface/safetensors, <c>README.md</c>, <c>safetensors/src/tensor.rs</c>.</para>
/// </remarks>
internal sealed class SafeTensorsFile : IDisposable
{
    private readonly MappedFile _map;
    private readonly Dictionary<string, int> _index;
    private readonly List<TensorInfo> _tensors;
    private readonly long _dataStart;

    private SafeTensorsFile(MappedFile map, long dataStart, List<TensorInfo> tensors, IReadOnlyDictionary<string, string> metadata)
    {
        (_map, _dataStart, _tensors, Metadata) = (map, dataStart, tensors, metadata);
        _index = new Dictionary<string, int>(tensors.Count, StringComparer.Ordinal);
        for (int i = 0; i < tensors.Count; i++)
            _index.Add(tensors[i].Name, i);
    }

    /// <summary>The path that was opened.</summary>
    public string Path => _map.Path;

    /// <summary>Length of the file, in bytes.</summary>
    public long FileBytes => _map.Length;

    /// <summary>Every tensor, in the order of the data.</summary>
    public IReadOnlyList<TensorInfo> Tensors => _tensors;

    /// <summary>The <c>__metadata__</c> strings; empty where there are none.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>Maps and checks a file.</summary>
    /// <exception cref="CheckpointFormatException">It cannot be read, or breaks a rule of the format; see
    /// <see cref="CheckpointFormatException.Rule"/>.</exception>
    public static SafeTensorsFile Open(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        MappedFile? map = null;
        try
        {
            // The length comes from the name first: opening a pipe would block, and it has no length.
            long length = Files.Length(path);
            if (length < SafeTensorsRules.LengthBytes)
                SafeTensorsRules.HeaderBytes([], length, path);
            map = MappedFile.Open(path);
            int headerBytes = SafeTensorsRules.HeaderBytes(map.Span(0, (int)Math.Min(map.Length, 32)), map.Length, path);
            long dataStart = SafeTensorsRules.LengthBytes + headerBytes;
            SafeTensorsHeader.Content header = SafeTensorsHeader.Parse(map.Span(SafeTensorsRules.LengthBytes, headerBytes), path);
            SafeTensorsRules.RequireTiling(header.Tensors, map.Length - dataStart, path);
            return new SafeTensorsFile(map, dataStart, header.Tensors, header.Metadata);
        }
        catch (Exception e)
        {
            map?.Dispose();
            if (Files.IsReadFailure(e))
                throw Files.Unreadable(path, e);
            throw;
        }
    }

    /// <summary>Copies the file into private memory; views that are taken from here on are of the copy.</summary>
    internal void Preload(IProgress<long>? progress, CancellationToken cancellation) => _map.Preload(progress, cancellation);

    /// <inheritdoc cref="MappedFile.Lock"/>
    internal bool Lock(IProgress<long>? progress, CancellationToken cancellation) => _map.Lock(progress, cancellation);

    /// <summary>What the header says about <paramref name="name"/>; false where the file has no such tensor.</summary>
    public bool TryGet(string name, out TensorInfo tensor)
    {
        bool found = _index.TryGetValue(name, out int i);
        tensor = found ? _tensors[i] : default;
        return found;
    }

    /// <summary>The tensor's bytes, whatever its dtype.</summary>
    /// <exception cref="CheckpointFormatException">No such tensor, or one of 2 GiB or more.</exception>
    /// <exception cref="ObjectDisposedException">The file is closed.</exception>
    public ReadOnlyMemory<byte> Bytes(string name) => View<byte>(name);

    /// <summary>Part of the bytes of one of <see cref="Tensors"/>, for those of 2 GiB and more.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It does not lie inside the tensor.</exception>
    /// <exception cref="ObjectDisposedException">The file is closed.</exception>
    internal ReadOnlySpan<byte> Part(TensorInfo tensor, long offset, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, tensor.ByteCount - count);
        return _map.Span(_dataStart + tensor.Begin + offset, count);
    }

    /// <summary>The elements of a BF16, F16, U16 or I16 tensor as their bits.</summary>
    /// <inheritdoc cref="Bytes" path="/exception"/>
    public ReadOnlyMemory<ushort> UInt16s(string name) => View<ushort>(name, DType.BF16, DType.F16, DType.U16, DType.I16);

    /// <summary>The elements of an F32 tensor.</summary>
    /// <inheritdoc cref="Bytes" path="/exception"/>
    public ReadOnlyMemory<float> Floats(string name) => View<float>(name, DType.F32);

    /// <summary>The elements of an I32 tensor.</summary>
    /// <inheritdoc cref="Bytes" path="/exception"/>
    public ReadOnlyMemory<int> Ints(string name) => View<int>(name, DType.I32);

    /// <summary>Unmaps the file. Views throw from here on.</summary>
    public void Dispose() => _map.Dispose();

    private ReadOnlyMemory<T> View<T>(string name, params ReadOnlySpan<DType> allowed) where T : unmanaged
    {
        ArgumentNullException.ThrowIfNull(name);
        if (!TryGet(name, out TensorInfo tensor))
            throw new CheckpointFormatException(Path, "missing-tensor", $"there is no tensor '{Printable.Clip(name)}'.");
        if (allowed.Length > 0 && !allowed.Contains(tensor.DType))
        {
            throw new CheckpointFormatException(Path, "tensor-dtype",
                $"tensor '{Printable.Clip(name)}' is {tensor.DType}; expected {string.Join(", ", allowed.ToArray())}.");
        }
        long count = tensor.ByteCount / Unsafe.SizeOf<T>();
        if (count > int.MaxValue || tensor.ByteCount > int.MaxValue)
        {
            throw new CheckpointFormatException(Path, "tensor-too-large",
                $"tensor '{Printable.Clip(name)}' is {tensor}; one view holds at most {int.MaxValue} bytes.");
        }
        return _map.Memory<T>(_dataStart + tensor.Begin, (int)count);
    }
}
