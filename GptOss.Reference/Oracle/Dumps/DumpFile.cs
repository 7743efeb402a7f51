using System.Buffers.Binary;
using GptOss.Reference.Checkpoints.Safetensors;
using GptOss.Reference.Checkpoints.Storage;
using GptOss.Reference.Ground;

namespace GptOss.Reference.Oracle.Dumps;

/// <summary>Tells the formats of dumps apart and opens one file.</summary>
internal static class DumpFile
{
    private static ReadOnlySpan<byte> ByteOrderMark => "\uFEFF"u8;

    /// <summary>The tensors of a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="files">Receives what must be closed.</param>
    /// <exception cref="CheckpointFormatException">It cannot be read, or breaks a rule of its format.</exception>
    internal static IEnumerable<DumpTensor> Open(string path, List<IDisposable> files)
    {
        byte[] start = Start(path);
        string extension = Path.GetExtension(path).ToLowerInvariant();
        if (start.AsSpan().StartsWith(NpyHeader.Magic) || extension == ".npy")
            return [Npy(path, Map(path, files))];
        if (start.AsSpan().StartsWith("PK"u8) || extension == ".npz")
            return NpzFile.Open(path, Map(path, files), files);
        if (extension != ".safetensors" && (extension == ".json" || IsText(start)))
            return JsonTensors.Read(path, Map(path, files));
        SafeTensorsFile file = SafeTensorsFile.Open(path);
        files.Add(file);
        return SafeTensors(file);
    }

    private static List<DumpTensor> SafeTensors(SafeTensorsFile file)
    {
        var tensors = new List<DumpTensor>(file.Tensors.Count);
        foreach (TensorInfo tensor in file.Tensors)
        {
            if (!DumpElements.AreRead(tensor.DType))
                throw new CheckpointFormatException(file.Path, "dump-dtype", $"tensor '{Printable.Clip(tensor.Name)}' is {tensor.DType}, which is not read.");
            tensors.Add(new(file.Path, tensor.Name, tensor.DType, tensor.Shape, (offset, count) => file.Part(tensor, offset, count)));
        }
        return tensors;
    }

    private static DumpTensor Npy(string path, MappedFile map)
    {
        ReadOnlySpan<byte> start = map.Span(0, (int)Math.Min(map.Length, NpyHeader.MostBytes));
        NpyHeader header = NpyHeader.Parse(start, map.Length, path, "the file");
        return new(path, Path.GetFileNameWithoutExtension(path), header.Type, header.Shape, (offset, count) => map.Span(header.Bytes + offset, count));
    }

    /// <summary>Maps a file that is not empty.</summary>
    private static MappedFile Map(string path, List<IDisposable> files)
    {
        try
        {
            if (Files.Length(path) == 0)
                throw new CheckpointFormatException(path, "dump-format", "the file is empty; expected safetensors, .npy, .npz or JSON.");
            MappedFile map = MappedFile.Open(path);
            files.Add(map);
            return map;
        }
        catch (Exception e) when (Files.IsReadFailure(e))
        {
            throw Files.Unreadable(path, e);
        }
    }

    private static byte[] Start(string path)
    {
        try
        {
            if (Files.Length(path) == 0)                   // a pipe would wait for ever
                return [];
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
            byte[] start = new byte[64];
            return start[..file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false)];
        }
        catch (Exception e) when (Files.IsReadFailure(e))
        {
            throw Files.Unreadable(path, e);
        }
    }

    /// <summary>Begins as a JSON array or object, and not as the length of a safetensors header, which has zeros in its upper half.</summary>
    private static bool IsText(ReadOnlySpan<byte> start)
    {
        if (start.Length >= 8 && BinaryPrimitives.ReadUInt32LittleEndian(start[4..]) == 0)
            return false;
        if (start.StartsWith(ByteOrderMark))
            start = start[3..];
        start = start.TrimStart(" \t\r\n"u8);
        return !start.IsEmpty && start[0] is (byte)'[' or (byte)'{';
    }
}
