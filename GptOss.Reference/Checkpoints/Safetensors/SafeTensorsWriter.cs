using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using GptOss.Reference.Checkpoints.Storage;
using GptOss.Reference.Ground;

namespace GptOss.Reference.Checkpoints.Safetensors;

/// <summary>Writes safetensors files: entries in the order given, the header padded with spaces so that the data start at a multiple of 8.</summary>
/// <remarks>Source: huggingface/safetensors, <c>README.md</c>; spelling of the header as Python's <c>json.dumps(separators=(",", ":"))</c>.</remarks>
internal static class SafeTensorsWriter
{
    private const int BufferBytes = 1 << 20;

    /// <summary>Writes a file under a temporary name and renames it; on any failure nothing is left and a file of that name stays as it
    /// was.</summary>
    /// <param name="path">The file; replaced where it exists.</param>
    /// <param name="entries">Tensors, in file order. Each callback is called once, in that order, so a tensor never has to be in memory
    /// whole.</param>
    /// <param name="metadata">Strings for <c>__metadata__</c>; null for none.</param>
    /// <exception cref="ArgumentException">Two equal names, a negative size, or bits that are not whole bytes.</exception>
    /// <exception cref="InvalidOperationException">A callback wrote more or fewer bytes than its tensor has.</exception>
    /// <exception cref="IOException">The disk is full, or the file cannot be written.</exception>
    public static void Write(string path, IEnumerable<TensorEntry> entries, IReadOnlyDictionary<string, string>? metadata = null)
    {
        ArgumentNullException.ThrowIfNull(path);
        ArgumentNullException.ThrowIfNull(entries);
        TensorEntry[] all = [.. entries];
        byte[] start = Start(all.Select(entry => (entry.Name, entry.DType, entry.Shape)), metadata, out TensorInfo[] tensors);
        long total = start.Length + (tensors.Length == 0 ? 0 : tensors[^1].End);
        AtomicFile.Write(path, file =>
        {
            var counted = new CountingStream(file, BufferBytes);
            counted.Write(start);
            for (int i = 0; i < all.Length; i++)
            {
                long before = counted.Position;
                all[i].Write(counted);
                if (counted.Position - before != tensors[i].ByteCount)
                {
                    throw new InvalidOperationException(
                        $"Tensor '{all[i].Name}' is {tensors[i]}, but {counted.Position - before} bytes were written.");
                }
            }
            counted.Flush();
        }, total);
    }

    /// <summary>The file up to its data: eight bytes of length and the padded header.</summary>
    internal static byte[] Start(IEnumerable<(string Name, DType DType, IReadOnlyList<long> Shape)> entries,
        IReadOnlyDictionary<string, string>? metadata, out TensorInfo[] tensors)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        var placed = new List<TensorInfo>();
        var json = new StringBuilder("{");
        if (metadata is not null)
            AppendMetadata(json, metadata);
        long at = 0;
        foreach ((string name, DType dtype, IReadOnlyList<long> shape) in entries)
        {
            if (name == SafeTensorsHeader.MetadataKey || !names.Add(name))
            {
                throw new ArgumentException($"The name '{name}' is {(name == SafeTensorsHeader.MetadataKey ? "reserved" : "given twice")}.",
                    nameof(entries));
            }
            if (shape.Any(size => size < 0) || SafeTensorsRules.Bits(dtype, shape) is not { } bits || bits % 8 != 0 || bits / 8 > long.MaxValue - at)
            {
                throw new ArgumentException($"Tensor '{name}', {dtype} {Printable.Shape(shape)}, is not a whole number of bytes that fits a file.",
                    nameof(entries));
            }
            placed.Add(new TensorInfo(name, dtype, shape, at, at + bits / 8));
            at += bits / 8;
            if (json.Length > 1)
                json.Append(',');
            PythonJson.AppendString(json, name);
            json.Append(CultureInfo.InvariantCulture,
                $":{{\"dtype\":\"{dtype}\",\"shape\":[{string.Join(',', shape)}],\"data_offsets\":[{placed[^1].Begin},{placed[^1].End}]}}");
        }
        json.Append('}').Append(' ', (8 - json.Length % 8) % 8);               // every character is ASCII: one byte each
        if (json.Length > SafeTensorsRules.MaxHeaderBytes)
        {
            throw new ArgumentException($"The header would have {json.Length} bytes; at most {SafeTensorsRules.MaxHeaderBytes} are allowed.",
                nameof(entries));
        }
        tensors = [.. placed];
        byte[] start = new byte[SafeTensorsRules.LengthBytes + json.Length];
        BinaryPrimitives.WriteInt64LittleEndian(start, json.Length);
        Encoding.ASCII.GetBytes(json.ToString(), start.AsSpan(SafeTensorsRules.LengthBytes));
        return start;
    }

    private static void AppendMetadata(StringBuilder json, IReadOnlyDictionary<string, string> metadata)
    {
        json.Append('"').Append(SafeTensorsHeader.MetadataKey).Append("\":{");
        string separator = "";
        foreach ((string key, string value) in metadata)
        {
            json.Append(separator);
            PythonJson.AppendString(json, key);
            json.Append(':');
            PythonJson.AppendString(json, value);
            separator = ",";
        }
        json.Append('}');
    }

    /// <summary>A write-only, buffered stream that knows how much was written and cannot be closed by whoever writes a tensor.</summary>
    private sealed class CountingStream(Stream target, int bufferBytes) : Stream
    {
        private readonly byte[] _buffer = new byte[bufferBytes];
        private int _pending;
        private long _written;

        public override bool CanRead => false;
        public override bool CanSeek => false;
        public override bool CanWrite => true;
        public override long Length => _written;
        public override long Position { get => _written; set => throw new NotSupportedException(); }

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            _written += buffer.Length;
            if (buffer.Length > _buffer.Length - _pending)
                Flush();
            if (buffer.Length > _buffer.Length)
            {
                target.Write(buffer);
                return;
            }
            buffer.CopyTo(_buffer.AsSpan(_pending));
            _pending += buffer.Length;
        }

        public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

        public override void Flush()
        {
            target.Write(_buffer.AsSpan(0, _pending));
            _pending = 0;
        }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();
        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
        public override void SetLength(long value) => throw new NotSupportedException();
    }
}
