using GptOss.Reference.Checkpoints.Storage;
using GptOss.Reference.Ground;

namespace GptOss.Reference.Checkpoints.Gguf;

/// <summary>One GGUF file, mapped into memory: its metadata and tensors, every rule of the container checked before a view exists.</summary>
/// <remarks>
/// Layout: "GGUF", version, counts; pairs of key and value; what each tensor is and where; zeros up to the alignment; the data, each tensor padded to
/// the alignment. All little-endian. Sources: ggml, <c>docs/gguf.md</c> and <c>src/gguf.cpp</c>.
/// </remarks>
internal sealed class GgufFile : IDisposable
{
    private const int HeaderBytes = 24, SmallestTensor = 25, SmallestPair = 14;
    private const int DefaultAlignment = 32, LargestAlignment = 1 << 20;
    private const int MostDimensions = 4;

    private readonly MappedFile _map;
    private readonly long _dataStart;

    private GgufFile(MappedFile map, GgufMetadata metadata, List<GgufTensor> tensors, long dataStart) =>
        (_map, Metadata, Tensors, _dataStart) = (map, metadata, tensors, dataStart);

    internal string Path => _map.Path;

    /// <summary>Length of the file, in bytes.</summary>
    internal long FileBytes => _map.Length;

    internal GgufMetadata Metadata { get; }

    /// <summary>Every tensor, in the order of the file.</summary>
    internal IReadOnlyList<GgufTensor> Tensors { get; }

    /// <summary>Maps and checks a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="isOllama">Whether tensor type 4 is one; null to take it from this file's architecture.</param>
    /// <exception cref="CheckpointFormatException">It cannot be read, or breaks a rule of the format.</exception>
    internal static GgufFile Open(string path, bool? isOllama = null)
    {
        MappedFile? map = null;
        try
        {
            long length = Files.Length(path);
            if (length < HeaderBytes)
            {
                throw new CheckpointFormatException(path, "gguf-header",
                    $"the file is too short: {length} bytes, and the header of a GGUF file takes {HeaderBytes}.");
            }
            map = MappedFile.Open(path);
            return Read(map, isOllama);
        }
        catch (Exception e)
        {
            map?.Dispose();
            if (Files.IsReadFailure(e))
                throw Files.Unreadable(path, e);
            throw;
        }
    }

    /// <summary>The bytes of a tensor.</summary>
    /// <exception cref="CheckpointFormatException">It is 2 GiB or more.</exception>
    internal ReadOnlyMemory<T> View<T>(GgufTensor tensor) where T : unmanaged
    {
        if (tensor.ByteCount > int.MaxValue)
        {
            throw new CheckpointFormatException(Path, "tensor-too-large",
                $"tensor '{Printable.Clip(tensor.Name)}' has {tensor.ByteCount} bytes; one view holds at most {int.MaxValue}.");
        }
        return _map.Memory<T>(_dataStart + tensor.Offset, (int)(tensor.ByteCount / System.Runtime.CompilerServices.Unsafe.SizeOf<T>()));
    }

    /// <summary>Copies the file into private memory; views that are taken from here on are of the copy.</summary>
    internal void Preload(IProgress<long>? progress, CancellationToken cancellation) => _map.Preload(progress, cancellation);

    /// <inheritdoc cref="MappedFile.Lock"/>
    internal bool Lock(IProgress<long>? progress, CancellationToken cancellation) => _map.Lock(progress, cancellation);

    public void Dispose() => _map.Dispose();

    private static GgufFile Read(MappedFile map, bool? isOllama)
    {
        GgufCursor cursor = new(map, 0);
        if (!cursor.Take(4, "the magic").SequenceEqual("GGUF"u8))
            throw cursor.Broken("gguf-magic", "the file does not begin with the magic GGUF.");
        uint version = cursor.UInt32("the version");
        if ((version & 0xFFFF) == 0 && version != 0)
            throw cursor.Broken("gguf-version", "the file is big-endian: its version has the other byte order; only little-endian files are read.");
        if (version is not (2 or 3))
            throw cursor.Broken("gguf-version", $"the file has version {version}; versions 2 and 3 are read.");
        ulong tensorCount = cursor.UInt64("the tensor count"), pairCount = cursor.UInt64("the metadata count");
        if (tensorCount > (ulong)cursor.Left / SmallestTensor)
            throw cursor.Broken("gguf-count", $"the tensor count is {tensorCount}, and {cursor.Left} bytes are left.");
        if (pairCount > (ulong)cursor.Left / SmallestPair)
            throw cursor.Broken("gguf-count", $"the metadata count is {pairCount} pairs, and {cursor.Left} bytes are left.");

        var metadata = GgufMetadata.Read(map, ref cursor, (long)pairCount);
        int alignment = Alignment(metadata);
        bool isType4 = isOllama ?? metadata.Has("general.architecture") && metadata.Text("general.architecture") == GgufConfig.OllamaArchitecture;
        var tensors = new List<GgufTensor>();
        var names = new HashSet<string>(StringComparer.Ordinal);
        for (long i = 0; i < (long)tensorCount; i++)
        {
            GgufTensor tensor = ReadTensor(ref cursor, i, isType4);
            if (!names.Add(tensor.Name))
                throw cursor.Broken("gguf-name", $"tensor '{Printable.Clip(tensor.Name)}' is there twice.");
            tensors.Add(tensor);
        }
        long dataStart = Padded(cursor.Position, alignment);
        RequireTiling(map, tensors, dataStart, alignment);
        return new GgufFile(map, metadata, tensors, dataStart);
    }

    private static int Alignment(GgufMetadata metadata)
    {
        const string key = "general.alignment";
        if (!metadata.Has(key))
            return DefaultAlignment;
        int? alignment = metadata.IsUInt32(key) ? metadata.Integer(key, 8, LargestAlignment) : null;
        return alignment is { } value && int.IsPow2(value) ? value
            : throw metadata.Bad($"{key} is not a u32 that is a power of two from 8 to {LargestAlignment}.");
    }

    private static GgufTensor ReadTensor(ref GgufCursor cursor, long number, bool isOllama)
    {
        string name = cursor.Name(number), shown = $"tensor '{Printable.Clip(name)}'";
        uint count = cursor.UInt32($"{shown}");
        if (count > MostDimensions)
            throw cursor.Broken("gguf-dimensions", $"{shown} has {count} dimensions; at most {MostDimensions} can be.");
        long[] dimensions = new long[Math.Max(count, 1)];
        dimensions[0] = 1;
        for (int i = 0; i < count; i++)
        {
            ulong dimension = cursor.UInt64($"the dimensions of {shown}");
            if (dimension is 0 or > long.MaxValue)
                throw cursor.Broken("gguf-dimensions", $"{shown} has a dimension of {dimension}.");
            dimensions[i] = (long)dimension;
        }
        uint id = cursor.UInt32($"the type of {shown}");
        ulong offset = cursor.UInt64($"the offset of {shown}");
        GgufType type = GgufType.Find(id, isOllama, out string why) ?? throw cursor.Broken("gguf-tensor-type", $"{shown} has {why}.");
        if (count <= 1 && type.BlockWeights > 1)
            throw cursor.Broken("gguf-tensor-type", $"{shown} is a vector of type {type.Name}; vectors are F32, F16 or BF16.");
        if (dimensions[0] % type.BlockWeights != 0)
        {
            throw cursor.Broken("gguf-dimensions",
                $"{shown} of type {type.Name} has rows of {dimensions[0]}, not a multiple of the block of {type.BlockWeights}.");
        }
        UInt128 elements = 1;
        foreach (long dimension in dimensions)
        {
            elements *= (ulong)dimension;             // two factors below 2^63, or a product that has passed this test: no overflow of 128 bits
            if (elements > long.MaxValue)
                break;
        }
        UInt128 bytes = elements > long.MaxValue ? UInt128.MaxValue : elements / (ulong)type.BlockWeights * (ulong)type.BlockBytes;
        if (bytes > long.MaxValue)
        {
            throw cursor.Broken("gguf-dimensions",
                $"the dimensions {Printable.Shape(dimensions)} of {shown} overflow: their size has more than 63 bits.");
        }
        if (offset > long.MaxValue)
            throw cursor.Broken("gguf-offset", $"the offset of {shown} is {offset}, beyond the end of the file.");
        return new GgufTensor(name, GgufTensor.Trimmed(dimensions), type, (long)offset, (long)bytes);
    }

    /// <summary>Tensors follow each other in the order of their infos, padded to the alignment; the last one's padding may be missing.</summary>
    private static void RequireTiling(MappedFile map, List<GgufTensor> tensors, long dataStart, int alignment)
    {
        long expected = 0, available = Math.Max(0, map.Length - dataStart);
        string before = "the start of the data";
        foreach (GgufTensor tensor in tensors)
        {
            string shown = $"tensor '{Printable.Clip(tensor.Name)}'";
            if (tensor.Offset % alignment != 0)
                throw Broken("gguf-offset", $"the offset {tensor.Offset} of {shown} is not aligned to {alignment} bytes.");
            if (tensor.Offset != expected && tensor.Offset < available)
            {
                throw Broken("gguf-offset",
                    $"the offset of {shown} is {tensor.Offset}; expected {expected}, the end of {before}, without a gap or an overlap.");
            }
            if (tensor.Offset > available || tensor.ByteCount > available - tensor.Offset)
            {
                throw Broken("gguf-end", $"the file is too short: {shown} ends at byte {(Int128)tensor.Offset + tensor.ByteCount} of the data, of " +
                    $"which {available} are there (offset, size).");
            }
            expected = Padded(tensor.Offset + tensor.ByteCount, alignment);
            before = shown;
        }

        CheckpointFormatException Broken(string rule, string sentence) => new(map.Path, rule, sentence);
    }

    private static long Padded(long position, int alignment) => checked(position + alignment - 1) / alignment * alignment;
}
