using System.Text;
using GptOss.Reference.Checkpoints.Safetensors;
using GptOss.Reference.Checkpoints.Storage;
using Xunit;

namespace GptOss.Reference.Tests.Checkpoints.Safetensors;

public sealed class SafeTensorsWriterTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_smallest_file_has_the_66_bytes_of_the_format_s_example()
    {
        string path = _folder.File("a.safetensors");
        SafeTensorsWriter.Write(path, [new TensorEntry("a", DType.U8, [2], stream => stream.Write([1, 2]))]);
        byte[] expected =
            [0x38, 0, 0, 0, 0, 0, 0, 0, .. Encoding.ASCII.GetBytes("""{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}   """), 1, 2];
        Assert.Equal(66, expected.Length);
        Assert.Equal(expected, File.ReadAllBytes(path));
    }

    [Fact]
    public void What_is_written_is_read_back_in_order_with_metadata_and_any_name()
    {
        string path = _folder.File("b.safetensors");
        string odd = "é\u2028\"\\\n\u007f\ud83d\ude00";
        SafeTensorsWriter.Write(path,
        [
            new TensorEntry("z", DType.F32, [], stream => stream.Write(BitConverter.GetBytes(1.5f))),
            new TensorEntry(odd, DType.I32, [2, 1], stream => stream.Write([1, 0, 0, 0, 255, 255, 255, 255])),
            new TensorEntry("empty", DType.BF16, [3, 0], _ => { }),
            new TensorEntry("half", DType.F4, [4], stream => stream.Write([0x21, 0x43])),
        ], new Dictionary<string, string> { ["format"] = "pt", [odd] = odd });
        using var file = SafeTensorsFile.Open(path);
        Assert.Equal(["z", odd, "half"], file.Tensors.Where(tensor => tensor.ByteCount > 0).Select(tensor => tensor.Name));
        Assert.Equal((4, 0), (file.Tensors.Count, file.UInt16s("empty").Length));
        Assert.Equal([1.5f], file.Floats("z").ToArray());
        Assert.Equal([1, -1], file.Ints(odd).ToArray());
        Assert.Equal([0x21, 0x43], file.Bytes("half").ToArray());
        Assert.Equal("pt", file.Metadata["format"]);
        Assert.Equal(odd, file.Metadata[odd]);
    }

    [Fact]
    public void A_tensor_written_in_large_and_small_pieces_arrives_whole()
    {
        string path = _folder.File("c.safetensors");
        byte[] content = new byte[5_000_003];
        new Random(1).NextBytes(content);
        SafeTensorsWriter.Write(path,
        [
            new TensorEntry("c", DType.U8, [content.Length], stream =>
            {
                stream.Write(content, 0, 7);
                stream.Write(content.AsSpan(7, 3_000_000));
                for (int at = 3_000_007; at < content.Length; at += 999)
                    stream.Write(content.AsSpan(at, Math.Min(999, content.Length - at)));
            }),
        ]);
        using var file = SafeTensorsFile.Open(path);
        Assert.True(file.Bytes("c").Span.SequenceEqual(content));
    }

    [Fact]
    public void A_failing_tensor_leaves_the_old_file_and_nothing_else()
    {
        string path = _folder.Write("d.safetensors", "old");
        Assert.Throws<FormatException>(() => SafeTensorsWriter.Write(path, [new TensorEntry("d", DType.U8, [2], _ => throw new FormatException())]));
        Assert.Equal("Tensor 'd' is U8 [2] = 2 bytes, but 1 bytes were written.",
            Assert.Throws<InvalidOperationException>(() =>
                SafeTensorsWriter.Write(path, [new TensorEntry("d", DType.U8, [2], stream => stream.WriteByte(1))])).Message);
        Assert.Equal(["d.safetensors"], _folder.Names());
        Assert.Equal("old", File.ReadAllText(path));
    }

    [Fact]
    public void Names_given_twice_reserved_names_and_odd_nibbles_are_refused()
    {
        string path = _folder.File("e.safetensors");
        var good = new TensorEntry("e", DType.U8, [0], _ => { });
        Assert.StartsWith("The name 'e' is given twice.", Refused(good, good), StringComparison.Ordinal);
        Assert.StartsWith("The name '__metadata__' is reserved.", Refused(good with { Name = "__metadata__" }), StringComparison.Ordinal);
        Assert.StartsWith("Tensor 'e', F4 [3], is not a whole number of bytes that fits a file.",
            Refused(good with { DType = DType.F4, Shape = [3] }), StringComparison.Ordinal);
        Assert.StartsWith("Tensor 'e', U8 [-1], is not a whole", Refused(good with { Shape = [-1] }), StringComparison.Ordinal);
        Assert.Empty(_folder.Names());

        string Refused(params TensorEntry[] entries) => Assert.Throws<ArgumentException>(() => SafeTensorsWriter.Write(path, entries)).Message;
    }
}
