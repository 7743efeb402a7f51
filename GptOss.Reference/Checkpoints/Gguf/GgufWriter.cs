using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace GptOss.Reference.Checkpoints.Gguf;

/// <summary>The beginning of a GGUF file, version 3: its metadata, and where each tensor lies. Whoever writes the file fills in the data.</summary>
/// <remarks>Source: ggml, <c>docs/gguf.md</c>.</remarks>
internal sealed class GgufWriter
{
    private const int Alignment = 32, Unsigned = 4, Signed = 5, Single = 6, Boolean = 7, String = 8, Array = 9;

    private readonly ArrayBufferWriter<byte> _pairs = new(), _infos = new();
    private readonly List<GgufTensor> _tensors = [];
    private long _pairCount, _end;

    /// <summary>Tensors so far, in their order; offsets count from the end of <see cref="Start"/>.</summary>
    internal IReadOnlyList<GgufTensor> Tensors => _tensors;

    internal void Add(string key, string value)
    {
        Pair(key, String);
        Text(_pairs, value);
    }

    internal void Add(string key, int value)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(value);
        Pair(key, Unsigned);
        Number(_pairs, (uint)value);
    }

    internal void Add(string key, float value)
    {
        Pair(key, Single);
        Number(_pairs, BitConverter.SingleToUInt32Bits(value));
    }

    internal void Add(string key, IReadOnlyCollection<string> values)
    {
        Elements(key, String, values.Count);
        foreach (string value in values)
            Text(_pairs, value);
    }

    internal void Add(string key, IReadOnlyCollection<int> values)
    {
        Elements(key, Signed, values.Count);
        foreach (int value in values)
            Number(_pairs, (uint)value);
    }

    internal void Add(string key, IReadOnlyCollection<bool> values)
    {
        Elements(key, Boolean, values.Count);
        foreach (bool value in values)
            _pairs.Write([value ? (byte)1 : (byte)0]);
    }

    /// <summary>Places a tensor behind those before it.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="type">Its type.</param>
    /// <param name="dimensions">Innermost first; the first is whole blocks of the type.</param>
    internal void AddTensor(string name, GgufType type, IReadOnlyList<long> dimensions)
    {
        if (dimensions[0] % type.BlockWeights != 0)
            throw new ArgumentException($"Rows of {dimensions[0]} are not whole blocks of {type.Name}.", nameof(dimensions));
        dimensions = GgufTensor.Trimmed(dimensions);
        long bytes = dimensions.Aggregate(1L, (a, b) => checked(a * b)) / type.BlockWeights * type.BlockBytes;
        Text(_infos, name);
        Number(_infos, (uint)dimensions.Count);
        foreach (long dimension in dimensions)
            Number(_infos, (ulong)dimension);
        Number(_infos, type.Id);
        Number(_infos, (ulong)_end);
        _tensors.Add(new GgufTensor(name, dimensions, type, _end, bytes));
        _end = Padded(_end + bytes);
    }

    /// <summary>The file up to its data.</summary>
    internal byte[] Start()
    {
        var start = new ArrayBufferWriter<byte>();
        start.Write("GGUF"u8);
        Number(start, 3u);
        Number(start, (ulong)_tensors.Count);
        Number(start, (ulong)_pairCount);
        start.Write(_pairs.WrittenSpan);
        start.Write(_infos.WrittenSpan);
        byte[] padded = new byte[Padded(start.WrittenCount)];
        start.WrittenSpan.CopyTo(padded);
        return padded;
    }

    /// <summary>Bytes of the data, the last tensor's padding included.</summary>
    internal long DataBytes => _end;

    private static long Padded(long bytes) => (bytes + Alignment - 1) / Alignment * Alignment;

    private void Elements(string key, int type, int count)
    {
        Pair(key, Array);
        Number(_pairs, (uint)type);
        Number(_pairs, (ulong)count);
    }

    private void Pair(string key, int type)
    {
        Text(_pairs, key);
        Number(_pairs, (uint)type);
        _pairCount++;
    }

    private static void Text(ArrayBufferWriter<byte> target, string text)
    {
        byte[] utf8 = Encoding.UTF8.GetBytes(text);
        Number(target, (ulong)utf8.Length);
        target.Write(utf8);
    }

    private static void Number(ArrayBufferWriter<byte> target, uint value)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(target.GetSpan(sizeof(uint)), value);
        target.Advance(sizeof(uint));
    }

    private static void Number(ArrayBufferWriter<byte> target, ulong value)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(target.GetSpan(sizeof(ulong)), value);
        target.Advance(sizeof(ulong));
    }
}
