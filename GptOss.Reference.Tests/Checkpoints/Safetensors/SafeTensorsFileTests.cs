using System.Diagnostics;
using System.Text;
using System.Text.Json;
using FsCheck;
using FsCheck.Fluent;
using GptOss.Reference.Checkpoints.Safetensors;
using GptOss.Reference.Checkpoints.Storage;
using GptOss.Reference.Ground;
using Xunit;

namespace GptOss.Reference.Tests.Checkpoints.Safetensors;

public sealed class SafeTensorsFileTests : IDisposable
{
    private static readonly string Hostile = Path.Combine(TestData.Root, "hostile");

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    public static TheoryData<string> HostileFiles { get; } = [.. Directory.EnumerateFiles(Path.Combine(Hostile, "safetensors"))
        .Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal)];

    [Theory, MemberData(nameof(HostileFiles))]
    public void A_hostile_file_is_refused_with_its_rule_and_sentence_and_a_sound_one_opens(string name)
    {
        using JsonDocument expected = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Hostile, "expected.json")));
        JsonElement expectation = expected.RootElement.GetProperty(name);
        string path = Path.Combine(Hostile, "safetensors", name);
        if (expectation.ValueKind == JsonValueKind.Null)
        {
            using SafeTensorsFile file = SafeTensorsFile.Open(path);
            Assert.Equal(file.FileBytes, new FileInfo(path).Length);
            Assert.All(file.Tensors, tensor => Assert.Equal(tensor.ByteCount, file.Bytes(tensor.Name).Length));
            return;
        }
        var e = Assert.Throws<CheckpointFormatException>(() => SafeTensorsFile.Open(path));
        Assert.Equal(expectation.GetProperty("message").GetString(), e.Message);
        Assert.Equal(expectation.GetProperty("rule").GetString(), e.Rule);
        Assert.Equal(path, e.File);
    }

    [Fact]
    public void Every_expectation_has_its_file()
    {
        using JsonDocument expected = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Hostile, "expected.json")));
        Assert.Equal(expected.RootElement.EnumerateObject().Select(entry => entry.Name).Order(StringComparer.Ordinal),
            HostileFiles.Select(row => row.Data));
    }

    [Fact]
    public void Sound_files_give_their_elements()
    {
        using (SafeTensorsFile file = Open("sound-unaligned"))
            Assert.Equal([0x3F80], file.UInt16s("a").ToArray());
        using (SafeTensorsFile file = Open("sound-scalar"))
            Assert.Equal([1f], file.Floats("a").ToArray());
        using (SafeTensorsFile file = Open("sound-other-order"))
        {
            Assert.Equal(["a", "b"], file.Tensors.Select(tensor => tensor.Name));
            Assert.Equal([3, 4], file.Bytes("b").ToArray());
        }
        using (SafeTensorsFile file = Open("sound-zero-size"))
            Assert.Equal([3, 4], file.Bytes("c").ToArray());
        using (SafeTensorsFile file = Open("sound-metadata"))
            Assert.Equal(new Dictionary<string, string> { ["format"] = "pt", [""] = "" }, file.Metadata);

        static SafeTensorsFile Open(string name) => SafeTensorsFile.Open(Path.Combine(Hostile, "safetensors", name + ".safetensors"));
    }

    [Fact]
    public void A_view_of_the_wrong_type_or_name_is_refused()
    {
        using SafeTensorsFile file = SafeTensorsFile.Open(Path.Combine(Hostile, "safetensors", "sound-smallest.safetensors"));
        Assert.Equal("sound-smallest.safetensors: tensor 'a' is U8; expected F32.",
            Assert.Throws<CheckpointFormatException>(() => file.Floats("a")).Message);
        Assert.Equal("sound-smallest.safetensors: tensor 'a' is U8; expected BF16, F16, U16, I16.",
            Assert.Throws<CheckpointFormatException>(() => file.UInt16s("a")).Message);
        Assert.Equal("sound-smallest.safetensors: there is no tensor 'b'.", Assert.Throws<CheckpointFormatException>(() => file.Bytes("b")).Message);
        Assert.False(file.TryGet("b", out _));
    }

    [Fact]
    public void A_pinned_view_outlives_the_file_and_an_unpinned_one_does_not()
    {
        SafeTensorsFile file = SafeTensorsFile.Open(Path.Combine(Hostile, "safetensors", "sound-smallest.safetensors"));
        ReadOnlyMemory<byte> bytes = file.Bytes("a");
        ReadOnlyMemory<byte> second = bytes[1..];
        using (System.Buffers.MemoryHandle pinned = second.Pin())
        {
            file.Dispose();
            unsafe
            {
                Assert.Equal(2, *(byte*)pinned.Pointer);
            }
        }
        Assert.Throws<ObjectDisposedException>(() => bytes.Span.Length);
        Assert.Throws<ObjectDisposedException>(() => file.Bytes("a"));
        Assert.Throws<ObjectDisposedException>(() => bytes.Pin());
    }

    [Fact]
    public void What_cannot_be_opened_is_refused_in_one_sentence()
    {
        string missing = _folder.File("none.safetensors");
        Assert.Equal($"none.safetensors: no such file at {missing}.",
            Assert.Throws<CheckpointFormatException>(() => SafeTensorsFile.Open(missing)).Message);
        Assert.Equal("unreadable-file", Assert.Throws<CheckpointFormatException>(() => SafeTensorsFile.Open(_folder.Path)).Rule);
        Assert.Equal("unreadable-file", Assert.Throws<CheckpointFormatException>(() => SafeTensorsFile.Open("a\0b")).Rule);
        Assert.Equal("unreadable-file", Assert.Throws<CheckpointFormatException>(() => SafeTensorsFile.Open("")).Rule);
        if (OperatingSystem.IsWindows())
            return;
        File.CreateSymbolicLink(_folder.File("loop"), _folder.File("loop"));
        Assert.Equal("unreadable-file", Assert.Throws<CheckpointFormatException>(() => SafeTensorsFile.Open(_folder.File("loop"))).Rule);
        using (Process pipe = Process.Start("mkfifo", _folder.File("pipe")))
            pipe.WaitForExit();
        Assert.Equal("header-too-small", Assert.Throws<CheckpointFormatException>(() => SafeTensorsFile.Open(_folder.File("pipe"))).Rule);
        Assert.Equal("header-too-small", Assert.Throws<CheckpointFormatException>(() => SafeTensorsFile.Open("/dev/zero")).Rule);
    }

    [Fact]
    public void A_link_opens_the_file_it_leads_to()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Links need a privilege on Windows.");
        string blob = _folder.Write("blobs/0f", Valid());
        Directory.CreateDirectory(_folder.File("snapshots"));
        File.CreateSymbolicLink(_folder.File("snapshots/model.safetensors"), "../blobs/0f");
        using SafeTensorsFile file = SafeTensorsFile.Open(_folder.File("snapshots/model.safetensors"));
        Assert.Equal(new FileInfo(blob).Length, file.FileBytes);
    }

    [Fact]
    public void Tensors_past_four_gibibytes_are_read_and_one_past_two_has_no_view()
    {
        const long large = 3L << 30;
        string header = "{" + string.Join(',', Entry("large", "U8", large, 0, large), Entry("second", "U8", int.MaxValue, large, large + int.MaxValue),
            Entry("last", "I32", 2, large + int.MaxValue, large + int.MaxValue + 8)) + "}";
        string path = _folder.File("sparse.safetensors");
        using (FileStream sparse = File.Create(path))
        {
            sparse.Write([.. BitConverter.GetBytes((long)header.Length), .. Encoding.ASCII.GetBytes(header)]);
            sparse.SetLength(sparse.Position + large + int.MaxValue + 8);
            sparse.Seek(-9, SeekOrigin.End);
            sparse.Write([7, 1, 0, 0, 0, 254, 255, 255, 255]);
        }
        using SafeTensorsFile file = SafeTensorsFile.Open(path);
        Assert.Equal([1, -2], file.Ints("last").ToArray());
        Assert.Equal(7, file.Bytes("second").Span[^1]);
        Assert.Equal("sparse.safetensors: tensor 'large' is U8 [3221225472] = 3221225472 bytes; one view holds at most 2147483647 bytes.",
            Assert.Throws<CheckpointFormatException>(() => file.Bytes("large")).Message);

        static string Entry(string name, string dtype, long size, long begin, long end) =>
            $"\"{name}\":{{\"dtype\":\"{dtype}\",\"shape\":[{size}],\"data_offsets\":[{begin},{end}]}}";
    }

    [Theory]
    [InlineData("many tensors")]
    [InlineData("many metadata")]
    [InlineData("long shape")]
    [InlineData("long name")]
    [InlineData("escaped name")]
    [InlineData("deep nesting")]
    [InlineData("long number")]
    public void A_header_of_megabytes_costs_no_more_than_its_share(string kind)
    {
        const int n = 60_000;
        string header = kind switch
        {
            "many tensors" => "{" + string.Join(',', Enumerable.Range(0, n).Select(i => $"\"{i}\":{{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[{i},{i + 1}]}}")) + "}",
            "many metadata" => "{\"__metadata__\":{" + string.Join(',', Enumerable.Range(0, n).Select(i => $"\"{i}\":\"\"")) + "}}",
            "long shape" =>
                "{\"a\":{\"dtype\":\"U8\",\"shape\":[0" + string.Concat(Enumerable.Repeat(",1", 1_000_000)) + "],\"data_offsets\":[0,0]}}",
            "long name" => "{\"" + new string('n', 3_000_000) + "\":null}",
            "escaped name" => "{\"" + string.Concat(Enumerable.Repeat("\\u0041", 500_000)) + "\":null}",
            "deep nesting" => "{\"a\":" + new string('[', 3_000_000),
            _ => "{\"a\":{\"shape\":[" + new string('9', 3_000_000) + "]}}",
        };
        byte[] data = new byte[kind == "many tensors" ? n : 0];
        byte[] content = [.. BitConverter.GetBytes((long)header.Length), .. Encoding.ASCII.GetBytes(header), .. data];
        string? rule = Attempt(_folder.Write("large.safetensors", content), content);
        Assert.Equal(kind is "many tensors" or "many metadata" or "long shape" ? null : "header-json", rule);
    }

    [Fact]
    public void A_file_damaged_at_random_opens_or_is_refused_and_costs_little()
    {
        byte[] valid = Valid();
        string path = _folder.File("damaged.safetensors");
        int refused = 0;
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(1500), Prop.ForAll(ArbMap.Default.GeneratorFor<int>().ToArbitrary(), seed =>
        {
            byte[] content = Damage(valid, new Random(seed));
            File.WriteAllBytes(path, content);
            if (Attempt(path, content) is not null)
                Interlocked.Increment(ref refused);
        }));
        Assert.InRange(refused, 100, 1500);
    }

    /// <summary>Opens and reads everything; the rule it was refused with, or null. Any other exception, much memory or much time fails the
    /// test.</summary>
    private static string? Attempt(string path, byte[] content)
    {
        long announced = content.Length >= 8 ? BitConverter.ToInt64(content) : 0;
        long headerBytes = announced >= 0 && announced <= content.Length ? announced : 0;
        var watch = Stopwatch.StartNew();
        long before = GC.GetAllocatedBytesForCurrentThread();
        string? rule = null;
        try
        {
            using SafeTensorsFile file = SafeTensorsFile.Open(path);
        }
        catch (CheckpointFormatException e)
        {
            rule = e.Rule;
            Assert.True(e.Message.Length < 2000, e.Message);
        }
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.True(allocated <= (1 << 20) + 64 * headerBytes, $"{allocated} bytes were allocated for a header of {headerBytes}.");
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(20), $"{watch.Elapsed}");
        if (rule is null)
        {
            using SafeTensorsFile file = SafeTensorsFile.Open(path);
            Assert.Equal(file.Tensors.Sum(tensor => tensor.ByteCount), file.Tensors.Sum(tensor => (long)file.Bytes(tensor.Name).ToArray().Length));
        }
        return rule;
    }

    private static byte[] Damage(byte[] valid, Random random)
    {
        List<byte> content = [.. valid];
        for (int times = random.Next(1, 4); times > 0 && content.Count > 0; times--)
        {
            int at = random.Next(content.Count), header = Math.Min(content.Count, random.Next(8, 600));
            switch (random.Next(9))
            {
                case 0:
                    content.RemoveRange(at, content.Count - at);
                    break;
                case 1:
                    content[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 2:
                    content[random.Next(Math.Min(8, content.Count))] = (byte)random.Next(256);
                    break;
                case 3:                                                        // another digit: shapes, offsets
                    for (int i = header; i < content.Count; i++)
                    {
                        if (char.IsAsciiDigit((char)content[i]))
                        {
                            content[i] = (byte)('0' + random.Next(10));
                            break;
                        }
                    }
                    break;
                case 4:
                    content.InsertRange(at, content.GetRange(at, Math.Min(random.Next(64), content.Count - at)));
                    break;
                case 5:
                    content.RemoveRange(at, Math.Min(random.Next(64), content.Count - at));
                    break;
                case 6:                                                        // a huge number in the header
                    content.InsertRange(Math.Min(header, content.Count), Encoding.ASCII.GetBytes("99999999999999999999"[..random.Next(1, 20)]));
                    break;
                case 7:                                                        // structure
                    content[Math.Min(header, content.Count - 1)] = (byte)"{}[]\",:\\ 0-eE."[random.Next(14)];
                    break;
                default:                                                       // length of the header kept right after the damage
                    long length = content.Count - 8 - random.Next(200);
                    for (int i = 0; i < 8 && i < content.Count; i++)
                        content[i] = (byte)(length >> (8 * i));
                    break;
            }
        }
        return [.. content];
    }

    private byte[] Valid()
    {
        string path = _folder.File("valid.safetensors");
        SafeTensorsWriter.Write(path,
        [
            new TensorEntry("embedding.weight", DType.BF16, [4, 8], stream => stream.Write(new byte[64])),
            new TensorEntry("block.0.mlp.mlp1_weight.blocks", DType.U8, [1, 2, 1, 16], stream => stream.Write(new byte[32])),
            new TensorEntry("empty", DType.F32, [0], _ => { }),
            new TensorEntry("scalar", DType.I64, [], stream => stream.Write(new byte[8])),
            new TensorEntry("nibbles", DType.F4, [2, 2], stream => stream.Write(new byte[2])),
        ], new Dictionary<string, string> { ["format"] = "pt" });
        return File.ReadAllBytes(path);
    }
}
