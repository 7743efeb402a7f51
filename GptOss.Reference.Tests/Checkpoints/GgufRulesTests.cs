using System.Text;
using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Checkpoints.Gguf;
using GptOss.Reference.Ground;
using Xunit;

namespace GptOss.Reference.Tests.Checkpoints;

/// <summary>Rules of a GGUF file, each with the smallest file that breaks it alone: the sentence names that rule, not a later one.</summary>
public sealed class GgufRulesTests : IDisposable
{
    private const uint F32 = 0, Q8 = 8;
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_sound_container_is_read()
    {
        using var file = GgufFile.Open(Write(("a", [8], F32, 0), ("b", [2, 3], F32, 32)));
        Assert.Equal(["a [8]", "b [2, 3]"], file.Tensors.Select(tensor => $"{tensor.Name} {Printable.Shape(tensor.Dimensions)}"));
    }

    [Fact]
    public void A_tensor_that_breaks_a_rule_of_the_container_is_refused_by_that_rule()
    {
        Assert.Equal("the offset 8 of tensor 'b' is not aligned to 32 bytes.", Refusal(Write(("a", [2], F32, 0), ("b", [2], F32, 8))));
        Assert.Equal("the offset of tensor 'b' is 64; expected 32, the end of tensor 'a', without a gap or an overlap.",
            Refusal(Write(("a", [8], F32, 0), ("b", [8], F32, 64))));
        Assert.Equal("tensor 'a' is there twice.", Refusal(Write(("a", [8], F32, 0), ("a", [8], F32, 32))));
        Assert.Equal("tensor 'a' is a vector of type Q8_0; vectors are F32, F16 or BF16.", Refusal(Write(("a", [32], Q8, 0))));
        Assert.Equal("tensor 'a' of type Q8_0 has rows of 33, not a multiple of the block of 32.", Refusal(Write(("a", [33, 2], Q8, 0))));
    }

    [Fact]
    public void A_string_that_is_longer_than_the_file_is_refused_before_it_is_read()
    {
        string path = Write(writer =>
        {
            writer.Write(0UL);
            writer.Write(1UL);
            writer.Write(1000UL);
            writer.Write(new byte[20]);
        });
        Assert.Equal("metadata key 0 is a string with the length 1000; the file ends 20 bytes on, and strings have at most 1073741824.",
            Refusal(path));
    }

    [Fact]
    public void A_bias_of_a_block_type_and_two_forms_of_one_thing_are_refused()
    {
        using var file = GgufFile.Open(Path.Combine(TestData.Root, "gguf", "hostile", "micro.gguf"));
        var sound = file.Tensors.ToDictionary(tensor => tensor.Name);
        GptOssConfig config = GgufConfig.Read(file.Metadata, sound, []);
        Assert.NotEmpty(GgufTensors.Find("m.gguf", config, sound));

        const string bias = "blk.0.ffn_down_exps.bias", sinks = "blk.0.attn_sinks.weight", older = "blk.0.attn_sinks";
        var blocks = new Dictionary<string, GgufTensor>(sound) { [bias] = sound[bias] with { Type = GgufType.Q8_0 } };
        Assert.Equal($"1 tensor does not fit the metadata: '{bias}' is of type Q8_0, expected F32, F16 or BF16.",
            Refusal(() => GgufTensors.Find("m.gguf", config, blocks)));
        var twice = new Dictionary<string, GgufTensor>(sound) { [older] = sound[sinks] };
        Assert.Equal($"'{sinks}' and '{older}' are two forms of one thing; expected one.",
            Refusal(() => GgufTensors.Find("m.gguf", config, twice)));
    }

    private static string Refusal(string path) => Refusal(() => GgufFile.Open(path).Dispose());

    private static string Refusal(Action read)
    {
        string message = Assert.Throws<CheckpointFormatException>(read).Message;
        return message[(message.IndexOf(": ", StringComparison.Ordinal) + 2)..];
    }

    /// <summary>A file without metadata that holds 256 bytes of data.</summary>
    private string Write(params (string Name, ulong[] Dimensions, uint Type, ulong Offset)[] tensors) => Write(writer =>
    {
        writer.Write((ulong)tensors.Length);
        writer.Write(0UL);
        foreach ((string name, ulong[] dimensions, uint type, ulong offset) in tensors)
        {
            writer.Write((ulong)name.Length);
            writer.Write(Encoding.UTF8.GetBytes(name));
            writer.Write(dimensions.Length);
            foreach (ulong dimension in dimensions)
                writer.Write(dimension);
            writer.Write(type);
            writer.Write(offset);
        }
        writer.Write(new byte[32 - writer.BaseStream.Position % 32 + 256]);
    });

    private string Write(Action<BinaryWriter> write)
    {
        string path = _folder.File("case.gguf");
        using var writer = new BinaryWriter(File.Create(path));
        writer.Write("GGUF"u8);
        writer.Write(3u);
        write(writer);
        return path;
    }
}
