using System.Buffers.Binary;
using System.IO.Compression;
using System.Runtime.InteropServices;
using System.Text;
using GptOss.Reference.Checkpoints.Safetensors;
using GptOss.Reference.Checkpoints.Storage;

namespace GptOss.Reference.Tests.Oracle.Dumps;

/// <summary>Makes dumps byte by byte, as other programs write them.</summary>
internal static class DumpFiles
{
    /// <summary>What numpy 1.24.2 wrote for [[1.5, −2.25, 0], [nan, inf, −0.0]] in float32: numpy.save.</summary>
    internal const string NumpySave =
        "k05VTVBZAQB2AHsnZGVzY3InOiAnPGY0JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDIsIDMpLCB9ICAgICAgICAgICAgICAgICAgICAgICAgICAg"
        + "ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAMA/AAAQwAAAAAAAAMB/AACAfwAAAIA=";

    /// <summary>The same as logits, and positions [3, 9]: numpy.savez.</summary>
    internal const string NumpySavez =
        "UEsDBBQAAAAAAAAAIQAtefobmAAAAJgAAAAKABQAbG9naXRzLm5weQEAEACYAAAAAAAAAJgAAAAAAAAAk05VTVBZAQB2AHsnZGVzY3InOiAnPGY0JywgJ2ZvcnRyYW5f"
        + "b3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDIsIDMpLCB9ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAMA/"
        + "AAAQwAAAAAAAAMB/AACAfwAAAIBQSwMEFAAAAAAAAAAhADnF1jOQAAAAkAAAAA0AFABwb3NpdGlvbnMubnB5AQAQAJAAAAAAAAAAkAAAAAAAAACTTlVNUFkBAHYAeydk"
        + "ZXNjcic6ICc8aTgnLCAnZm9ydHJhbl9vcmRlcic6IEZhbHNlLCAnc2hhcGUnOiAoMiwpLCB9ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAg"
        + "ICAgICAgICAgICAgICAgICAgCgMAAAAAAAAACQAAAAAAAABQSwECFAMUAAAAAAAAACEALXn6G5gAAACYAAAACgAAAAAAAAAAAAAAgAEAAAAAbG9naXRzLm5weVBLAQIU"
        + "AxQAAAAAAAAAIQA5xdYzkAAAAJAAAAANAAAAAAAAAAAAAACAAdQAAABwb3NpdGlvbnMubnB5UEsFBgAAAAACAAIAcwAAAKMBAAAAAA==";

    /// <summary>The same in float16 as logits: numpy.savez_compressed.</summary>
    internal const string NumpySavezCompressed =
        "UEsDBBQAAAAIAAAAIQCyxxSiUgAAAIwAAAAKABQAbG9naXRzLm5weQEAEACMAAAAAAAAAFIAAAAAAAAAm+wX6hsQychQxlCtnpJanFykbqWgbpNmpK6joJ6WX1RSlJgX"
        + "n1+UkgoSd0vMKU4FihdnJBakAvkaRjoKxpo6CrUKZAMuBruGAwwMDHUMNQwNAFBLAQIUAxQAAAAIAAAAIQCyxxSiUgAAAIwAAAAKAAAAAAAAAAAAAACAAQAAAABsb2dp"
        + "dHMubnB5UEsFBgAAAAABAAEAOAAAAI4AAAAAAA==";

    /// <summary>A .npy array with any header text.</summary>
    internal static byte[] Npy(string header, byte[] data)
    {
        string padded = header + new string(' ', 63 - (10 + header.Length) % 64) + "\n";
        byte[] bytes = [0x93, .. "NUMPY"u8, 1, 0, 0, 0, .. Encoding.ASCII.GetBytes(padded), .. data];
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(8), (ushort)padded.Length);
        return bytes;
    }

    internal static byte[] Npy(string descr, string shape, byte[] data) => Npy($"{{'descr': '{descr}', 'fortran_order': False, 'shape': ({shape}), }}", data);

    internal static byte[] Npy(float[] values, params int[] shape) => Npy("<f4", string.Join(", ", shape) + ",", Bytes<float>(values));

    internal static byte[] Npz(CompressionLevel level, params (string Name, byte[] Npy)[] arrays)
    {
        var stream = new MemoryStream();
        using (var archive = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach ((string name, byte[] npy) in arrays)
            {
                using Stream entry = archive.CreateEntry(name + ".npy", level).Open();
                entry.Write(npy);
            }
        }
        return stream.ToArray();
    }

    internal static void SafeTensors(string path, params (string Name, DType Type, long[] Shape, byte[] Data)[] tensors) =>
        SafeTensorsWriter.Write(path, tensors.Select(t => new TensorEntry(t.Name, t.Type, t.Shape, stream => stream.Write(t.Data))));

    internal static byte[] Bytes<T>(ReadOnlySpan<T> values) where T : unmanaged => MemoryMarshal.AsBytes(values).ToArray();
}
