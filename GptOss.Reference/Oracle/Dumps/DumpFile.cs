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
    /// <param name="unread">Receives members that cannot be read.</param>
    /// <exception cref="CheckpointFormatException">It breaks a rule of its format, or nothing in it can be read.</exception>
    internal static List<DumpTensor> Open(string path, List<IDisposable> files, List<UnreadMember> unread)
    {
        int before = unread.Count;
        List<DumpTensor> tensors = Members(path, files, unread);
        if (tensors.Count == 0 && unread.Count > before)
            throw new CheckpointFormatException(path, "dump-member", $"'{Printable.Clip(unread[before].Name)}' {unread[before].Reason}.");
        return tensors;
    }

    private static List<DumpTensor> Members(string path, List<IDisposable> files, List<UnreadMember> unread)
    {
        byte[] start = Start(path);
        string extension = Path.GetExtension(path).ToLowerInvariant();
        if (start.AsSpan().StartsWith(NpyHeader.Magic) || extension == ".npy")
            return Npy(path, Map(path, files), unread);
        if (start.AsSpan().StartsWith("PK"u8) || extension == ".npz")
            return NpzFile.Open(path, Map(path, files), files, unread);
        if (extension != ".safetensors" && (extension == ".json" || IsText(start)))
            return JsonTensors.Read(path, Map(path, files), unread);
        SafeTensorsFile file = SafeTensorsFile.Open(path);
        files.Add(file);
        return SafeTensors(file, unread);
    }

    private static List<DumpTensor> SafeTensors(SafeTensorsFile file, List<UnreadMember> unread)
    {
        var tensors = new List<DumpTensor>(file.Tensors.Count);
        foreach (TensorInfo tensor in file.Tensors)
            Add(tensors, tensor.Name, () => new(file.Path, tensor.Name, tensor.DType, tensor.Shape, (offset, count) => file.Part(tensor, offset, count)), unread);
        return tensors;
    }

    private static List<DumpTensor> Npy(string path, MappedFile map, List<UnreadMember> unread)
    {
        var tensors = new List<DumpTensor>(1);
        string name = Path.GetFileNameWithoutExtension(path);
        Add(tensors, name, () => NpyHeader.Parse(map.Span(0, (int)Math.Min(map.Length, NpyHeader.MostBytes)), map.Length).Tensor(path, name, map.Span), unread);
        return tensors;
    }

    private static void Add(List<DumpTensor> tensors, string name, Func<DumpTensor> read, List<UnreadMember> unread)
    {
        try
        {
            tensors.Add(read());
        }
        catch (UnreadMemberException e)
        {
            unread.Add(new(name, e.Message));
        }
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
            if (Files.Length(path) == 0)                   // a pipe might never end
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
