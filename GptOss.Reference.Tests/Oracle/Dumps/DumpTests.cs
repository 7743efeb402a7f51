using System.IO.Compression;
using FsCheck;
using FsCheck.Fluent;
using GptOss.Reference.Checkpoints.Storage;
using GptOss.Reference.Ground;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Oracle.Dumps;
using GptOss.Reference.Tests.Checkpoints;
using Xunit;

namespace GptOss.Reference.Tests.Oracle.Dumps;

public sealed class DumpTests : IDisposable
{
    private static readonly float[] Recorded = [1.5f, -2.25f, 0, float.NaN, float.PositiveInfinity, -0.0f];
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("logits.npy", DumpFiles.NumpySave)]
    [InlineData("any.npz", DumpFiles.NumpySavez)]
    [InlineData("any.npz", DumpFiles.NumpySavezCompressed)]
    [InlineData("logits", DumpFiles.NumpySave)]
    [InlineData("no-extension", DumpFiles.NumpySavez)]
    public void What_numpy_wrote_is_read(string name, string base64)
    {
        using Dump dump = Dump.Open(_folder.Write(name, Convert.FromBase64String(base64)));
        Assert.Equal(["logits"], dump.Tensors.Select(tensor => tensor.Name));
        Assert.Equal(base64 == DumpFiles.NumpySavez ? [3, 9] : null, dump.Positions);
        RequireRecorded(dump.Logits(3));
    }

    [Fact]
    public void Every_element_type_is_widened_exactly()
    {
        (DType Type, string Descr, byte[] Data)[] types =
        [
            (DType.F16, "<f2", DumpFiles.Bytes<Half>([(Half)1.5f, (Half)(-7)])), (DType.BF16, "|V2", DumpFiles.Bytes<ushort>([0x3FC0, 0xC0E0])),
            (DType.BF16, "bfloat16", DumpFiles.Bytes<ushort>([0x3FC0, 0xC0E0])),
            (DType.F32, "<f4", DumpFiles.Bytes<float>([1.5f, -7])), (DType.F64, "<f8", DumpFiles.Bytes<double>([1.5, -7])),
        ];
        foreach ((DType type, string descr, byte[] data) in types)
            Require(type, descr, data, [1.5, -7]);
        (DType, string, byte[])[] integers =
        [
            (DType.I8, "|i1", DumpFiles.Bytes<sbyte>([3, 4])), (DType.U8, "|u1", [3, 4]), (DType.I16, "<i2", DumpFiles.Bytes<short>([3, 4])),
            (DType.U16, "<u2", DumpFiles.Bytes<ushort>([3, 4])), (DType.I32, "<i4", DumpFiles.Bytes<int>([3, 4])), (DType.U32, "<u4", DumpFiles.Bytes<uint>([3, 4])),
            (DType.I64, "<i8", DumpFiles.Bytes<long>([3, 4])), (DType.U64, "<u8", DumpFiles.Bytes<ulong>([3, 4])),
        ];
        foreach ((DType type, string descr, byte[] data) in integers)
            Require(type, descr, data, [3, 4]);

        void Require(DType type, string descr, byte[] data, double[] expected)
        {
            DumpFiles.SafeTensors(_folder.File("a.safetensors"), ("a", type, [1, 2], data));
            foreach (string path in (string[])[_folder.File("a.safetensors"), _folder.Write("a.npy", DumpFiles.Npy(descr, "1, 2", data))])
            {
                using Dump dump = Dump.Open(path);
                DumpTensor tensor = Assert.Single(dump.Tensors);
                Assert.Equal((type, 1, 2), (tensor.Type, tensor.Rows, tensor.Width));
                double[] wide = new double[2];
                float[] narrow = new float[2];
                tensor.ReadRow(0, wide);
                tensor.ReadRow(0, narrow);
                Assert.Equal(expected, wide);
                Assert.Equal(expected, narrow.Select(value => (double)value));
                Assert.Equal(expected[0] == 3, tensor.IsInteger);
            }
        }
    }

    [Theory]
    [InlineData("logits.json", "[[1.5, -2.25, 0], [NaN, Infinity, -0.0]]")]
    [InlineData("logits.json", " [[15e-1,-2.25,0.0],[null,1e999,-0]]\n")]
    [InlineData("any", """{"positions": [3, 9], "logits": [[1.5, -2.25, 0], [NaN, Infinity, -0.0]]}""")]
    [InlineData("any.txt", """{"lo\u0067its": [[[1.5, -2.25, 0], [NaN, Infinity, -0.0]]]}""")]
    public void Json_is_read(string name, string text)
    {
        using Dump dump = Dump.Open(_folder.Write(name, text));
        RequireRecorded(dump.Logits());
    }

    [Fact]
    public void A_folder_of_arrays_is_one_dump()
    {
        _folder.Write("block.0.attn.qkv.npy", DumpFiles.Npy([1, 2], 1, 2));
        _folder.Write("logits.npy", DumpFiles.Npy([1, 2, 3], 1, 3));
        _folder.Write("notes.txt", "nothing");
        using (Dump dump = Dump.Open(_folder.Path))
        {
            Assert.Equal(["block.0.attn.qkv", "logits"], dump.Tensors.Select(tensor => tensor.Name));
            Assert.Equal(3, dump.Logits(3).Width);
        }
        _folder.Write("more.npz", DumpFiles.Npz(CompressionLevel.NoCompression, ("logits", DumpFiles.Npy([1], 1))));
        Refused(_folder.Path, "more.npz: another file of its folder has a tensor 'logits', too.");
    }

    [Fact]
    public void A_pack_brings_its_manifest_by_folder_or_by_file()
    {
        using Dump pack = Dump.Open(TestData.Golden("shape-long"));
        using Dump file = Dump.Open(Path.Combine(TestData.Golden("shape-long"), "stages.bf16.safetensors"));
        Assert.Equal((Precision.Float32, DType.F32), (pack.Precision, pack.Logits().Type));
        Assert.Equal((Precision.Bfloat16, DType.BF16), (file.Precision, file.Logits().Type));
        Assert.Equal(pack.Pack!.Positions, file.Positions);
        Assert.Equal(pack.Positions!.Count, pack.Logits().Rows);
        Assert.True(file.Logits().HoldsBfloat16());
        Assert.False(pack.Logits().HoldsBfloat16());
        Refused(TestData.Golden("tiny-greedy"), "tiny-greedy: the pack has a manifest and no recorded tensors.");
    }

    [Fact]
    public void The_logits_are_the_tensor_of_that_name_or_the_only_one()
    {
        DumpFiles.SafeTensors(_folder.File("two.safetensors"), ("logits", DType.F32, [1, 2], new byte[8]), ("norm", DType.F32, [1], new byte[4]));
        DumpFiles.SafeTensors(_folder.File("one.safetensors"), ("sound", DType.F32, [1, 3, 2], new byte[24]));
        DumpFiles.SafeTensors(_folder.File("none.safetensors"), ("a", DType.F32, [1, 2], new byte[8]), ("b", DType.F32, [1], new byte[4]));
        DumpFiles.SafeTensors(_folder.File("empty.safetensors"), ("logits", DType.F32, [0, 2], []));
        using Dump two = Dump.Open(_folder.File("two.safetensors")), one = Dump.Open(_folder.File("one.safetensors"));
        using Dump none = Dump.Open(_folder.File("none.safetensors")), empty = Dump.Open(_folder.File("empty.safetensors"));
        Assert.Equal("logits", two.Logits().Name);
        Assert.Equal((3, 2), (one.Logits(2).Rows, one.Logits().Width));
        Assert.Equal("none.safetensors: none of its 2 tensors is called logits: 'a', 'b'.", Assert.Throws<CheckpointFormatException>(() => none.Logits()).Message);
        Assert.Equal("one.safetensors: tensor 'sound' is [1, 3, 2]; expected rows of [4].", Assert.Throws<CheckpointFormatException>(() => one.Logits(4)).Message);
        Assert.Equal("empty.safetensors: tensor 'logits' is empty.", Assert.Throws<CheckpointFormatException>(() => empty.Logits()).Message);
    }

    [Fact]
    public void Rows_may_be_seen_by_another_shape_of_as_many_elements()
    {
        DumpFiles.SafeTensors(_folder.File("a.safetensors"), ("a", DType.F32, [2, 6], DumpFiles.Bytes<float>([.. Enumerable.Range(0, 12).Select(i => (float)i)])));
        using Dump dump = Dump.Open(_folder.File("a.safetensors"));
        DumpTensor rows = dump.Tensors[0].WithRowsOf([2, 3]);
        float[] row = new float[6];
        rows.ReadRow(1, row);
        Assert.Equal([6f, 7, 8, 9, 10, 11], row);
        Assert.Null(dump.Tensors[0].TryWithRowsOf([4]));
        Assert.Null(dump.Tensors[0].TryWithRowsOf([3]));
        Assert.Equal(2, dump.Tensors[0].WithRowsOf([6]).Rows);
    }

    [Fact]
    public void Whole_numbers_are_read_from_any_type()
    {
        using Dump dump = Dump.Open(_folder.Write("experts.json", "[[3, 1.0], [2, 0.5], [NaN, 1], [1e300, 1]]"));
        int[] row = new int[2];
        dump.Tensors[0].ReadIntegers(0, row);
        Assert.Equal([3, 1], row);
        for (int bad = 1; bad < 4; bad++)
            Assert.Contains("expected a whole number.", Assert.Throws<CheckpointFormatException>(() => dump.Tensors[0].ReadIntegers(bad, row)).Message, StringComparison.Ordinal);
    }

    public static TheoryData<string, byte[], string, string> WithOneUnreadMember => new()
    {
        { "a.npz", DumpFiles.Npz(CompressionLevel.NoCompression, ("logits", DumpFiles.Npy([1, 2], 1, 2)), ("names", DumpFiles.Npy("<U3", "1,", new byte[12]))),
            "names", "has elements of type '<U3'; expected float16, float32, float64, bfloat16 or integers" },
        { "a.npz", DumpFiles.Npz(CompressionLevel.Fastest, ("names", DumpFiles.Npy("|O", "1,", new byte[8])), ("logits", DumpFiles.Npy([1, 2], 1, 2))),
            "names", "has elements of type '|O'; expected float16, float32, float64, bfloat16 or integers" },
        { "a.npz", DumpFiles.Npz(CompressionLevel.Fastest, ("logits", DumpFiles.Npy([1, 2], 1, 2)), ("broken", [1, 2, 3])), "broken", "does not begin as a .npy array" },
        { "a.json", """{"model": "gpt-oss", "logits": [[1, 2]]}"""u8.ToArray(), "model", "is not an array; expected nested arrays of numbers" },
        { "a.json", """{"logits": [[1, 2]], "meta": {"a": [1, {"b": "}\""}], "c": NaN}}"""u8.ToArray(), "meta", "is not an array; expected nested arrays of numbers" },
        { "a.json", """{"tokens": ["Hello", " world"], "logits": [[1, 2]]}"""u8.ToArray(), "tokens", "holds something other than numbers" },
        { "a.json", """{"logits": [[1, 2]], "odd": [[1, 2], [3]]}"""u8.ToArray(), "odd", "is not a tensor: its arrays differ in length or depth" },
        { "a.json", """{"flag": true, "logits": [[1, 2]]}"""u8.ToArray(), "flag", "is not an array; expected nested arrays of numbers" },
    };

    [Theory, MemberData(nameof(WithOneUnreadMember))]
    public void A_member_that_cannot_be_read_is_named_and_the_others_are_read(string name, byte[] content, string member, string reason)
    {
        using Dump dump = Dump.Open(_folder.Write(name, content));
        Assert.Equal(new UnreadMember(member, reason), Assert.Single(dump.Unread));
        Assert.Equal("logits", Assert.Single(dump.Tensors).Name);
        float[] row = new float[2];
        dump.Logits(2).ReadRow(0, row);
        Assert.Equal([1f, 2], row);
    }

    [Fact]
    public void A_tensor_of_an_unread_type_and_an_unreadable_file_of_a_folder_leave_the_others()
    {
        DumpFiles.SafeTensors(_folder.File("a.safetensors"), ("logits", DType.F32, [1, 2], DumpFiles.Bytes<float>([1, 2])), ("weight", DType.F8_E4M3, [2], [1, 2]));
        using (Dump dump = Dump.Open(_folder.File("a.safetensors")))
            Assert.Equal([new("weight", "has elements of type F8_E4M3, which are not read")], dump.Unread);
        _folder.Write("b.npy", [1, 2, 3]);
        _folder.Write("c.npz", "PK"u8.ToArray());
        using Dump folder = Dump.Open(_folder.Path);
        Assert.Equal(["logits"], folder.Tensors.Select(tensor => tensor.Name));
        Assert.Equal([new("weight", "has elements of type F8_E4M3, which are not read"), new("b", "does not begin as a .npy array"),
            new("c.npz", "cannot be read: this is not a complete zip archive: its directory is missing")], folder.Unread);
    }

    [Fact]
    public void Logits_that_cannot_be_read_are_asked_for_in_vain_with_the_reason()
    {
        using Dump dump = Dump.Open(_folder.Write("a.json", """{"logits": [["x"]], "norm": [[1, 2]]}"""));
        Assert.Equal("a.json: 'logits' holds something other than numbers.", Assert.Throws<CheckpointFormatException>(() => dump.Logits(2)).Message);
        Refused(_folder.Write("b.json", """{"positions": ["0"], "logits": [[1, 2]]}"""), "b.json: 'positions' holds something other than numbers.");
    }

    [Fact]
    public void An_array_in_Fortran_order_is_read_by_its_rows()
    {
        byte[] columns = DumpFiles.Bytes<float>([1, 4, 2, 5, 3, 6]);
        foreach (string shape in (string[])["(2, 3)", "(1, 2, 3)", "(2, 1, 3)"])
        {
            using Dump dump = Dump.Open(_folder.Write("logits.npy", DumpFiles.Npy($"{{'descr': '<f4', 'fortran_order': True, 'shape': {shape}, }}", columns)));
            DumpTensor rows = dump.Logits(3);
            float[] first = new float[3], second = new float[3];
            rows.ReadRow(0, first);
            rows.ReadRow(1, second);
            Assert.Equal([1f, 2, 3], first);
            Assert.Equal([4f, 5, 6], second);
        }
    }

    public static TheoryData<string, byte[], string> Malformed => new()
    {
        { "a.npy", [], "the file is empty; expected safetensors, .npy, .npz or JSON." },
        { "a", [], "the file is empty; expected a safetensors file." },
        { "a.npy", [1, 2, 3], "'a' does not begin as a .npy array." },
        { "a.npy", DumpFiles.Npy([1, 2], 3), "'a' is F32 [3], but 8 bytes of data follow its header." },
        { "a.npy", DumpFiles.Npy("<f4", "4611686018427387904, 4,", []), "'a' is F32 [4611686018427387904, 4], but 0 bytes of data follow its header." },
        { "a.npy", DumpFiles.Npy("<f4", "-1,", []), "'a' has the size '-1' in its shape." },
        { "a.npy", DumpFiles.Npy(">f4", "1,", new byte[4]), "'a' is big-endian (>f4); save x.astype(x.dtype.newbyteorder('<')) instead." },
        { "a.npy", DumpFiles.Npy("<c8", "1,", new byte[8]), "'a' has elements of type '<c8'; expected float16, float32, float64, bfloat16 or integers." },
        { "a.npy", DumpFiles.Npy("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 2, 2), }", new byte[32]),
            "'a' is [2, 2, 2] in Fortran order; save numpy.ascontiguousarray(x) instead." },
        { "a.npy", DumpFiles.Npy("{'descr': '<f4', 'fortran_order': False, }", new byte[4]), "'a' has a .npy header without a readable shape." },
        { "a.npz", "PK"u8.ToArray(), "this is not a complete zip archive: its directory is missing." },
        { "a.npz", DumpFiles.Npz(CompressionLevel.NoCompression), "the archive is empty." },
        { "a.npz", DumpFiles.Npz(CompressionLevel.Fastest, ("a", [1, 2, 3])), "'a' does not begin as a .npy array." },
        { "a.json", "[[1, 2], [3]]"u8.ToArray(), "'a' is not a tensor: its arrays differ in length or depth." },
        { "a.json", "[1, [2]]"u8.ToArray(), "'a' is not a tensor: its arrays differ in length or depth." },
        { "a.json", "[[1], 2]"u8.ToArray(), "'a' is not a tensor: its arrays differ in length or depth." },
        { "a.json", "[[], [[1]]]"u8.ToArray(), "'a' is not a tensor: its arrays differ in length or depth." },
        { "a.json", "[1, 2"u8.ToArray(), "the document is not what was expected at line 1, byte 6: the document ends early; expected ']'." },
        { "a.json", "[1,\n2,]"u8.ToArray(), "the document is not what was expected at line 2, byte 3: there is no number." },
        { "a.json", "[1] 2"u8.ToArray(), "the document is not what was expected at line 1, byte 5: something follows the document." },
        { "a.json", "[[[[[[[[[1]]]]]]]]]"u8.ToArray(), "'a' has more than 8 dimensions." },
        { "a.json", """{"a": [1], "a": [2]}"""u8.ToArray(), "the document is not what was expected at line 1, byte 15: 'a' occurs twice." },
        { "a.json", """{"a": "b"}"""u8.ToArray(), "'a' is not an array; expected nested arrays of numbers." },
        { "a.json", "7"u8.ToArray(), "'a' is not an array; expected nested arrays of numbers." },
        { "a.json", """[[1, "b"]]"""u8.ToArray(), "'a' holds something other than numbers." },
        { "a.json", """{"a": ]}"""u8.ToArray(), "the document is not what was expected at line 1, byte 7: there is no value." },
        { "a.json", """{"a": ["b}"""u8.ToArray(), "the document is not what was expected at line 1, byte 11: a text has no end." },
        { "a.json", """{"a": {"b": [1, 2}"""u8.ToArray(), "the document is not what was expected at line 1, byte 19: the document ends early." },
        { "a.json", """{"\ud800": [1]}"""u8.ToArray(), "the document is not what was expected at line 1, byte 2: a name is not valid text." },
        { "a.json", """{"positions": [2, 1], "logits": [[1], [2]]}"""u8.ToArray(), "positions hold 1 after 2; expected ascending positions." },
        { "a.json", """{"positions": [-1], "logits": [[1]]}"""u8.ToArray(), "tensor 'positions' holds a negative number." },
        { "a.json", """{"positions": [], "logits": [[1]]}"""u8.ToArray(), "tensor 'positions' is empty." },
    };

    [Theory, MemberData(nameof(Malformed))]
    public void What_is_malformed_is_one_sentence(string name, byte[] content, string sentence) => Refused(_folder.Write(name, content), $"{name}: {sentence}");

    [Fact]
    public void A_missing_file_an_empty_folder_and_a_pytorch_file_are_one_sentence()
    {
        Refused(_folder.File("none.npy"), $"none.npy: no such file at {_folder.File("none.npy")}.");
        Refused(_folder.Path, $"{Path.GetFileName(_folder.Path)}: the folder has no manifest.json and no .safetensors, .npy or .npz file.");
        var stream = new MemoryStream();
        using (var archive = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true))
            archive.CreateEntry("archive/data.pkl");
        Refused(_folder.Write("a.pt", stream.ToArray()), "a.pt: this is a PyTorch file; save the tensors with the safetensors package, or as .npy, instead.");
    }

    [Fact]
    public void An_archive_that_inflates_beyond_reason_is_refused_before_it_does()
    {
        byte[] small = DumpFiles.Npz(CompressionLevel.SmallestSize, ("a", DumpFiles.Npy(new float[1000], 1000)));
        int directory = small.AsSpan().LastIndexOf("PK\u0001\u0002"u8);
        BitConverter.TryWriteBytes(small.AsSpan(directory + 24), 0xF0000000u);
        Refused(_folder.Write("bomb.npz", small), $"bomb.npz: 'a' is said to be 4026531840 bytes in {BitConverter.ToUInt32(small, directory + 20)}, which cannot be.");
    }

    [Fact]
    public void A_damaged_file_is_read_or_refused_with_one_sentence()
    {
        float[] values = [.. Enumerable.Range(0, 40).Select(i => i / 3f)];
        byte[] npy = DumpFiles.Npy(values, 5, 8);
        DumpFiles.SafeTensors(_folder.File("sound"), ("logits", DType.F32, [5, 8], DumpFiles.Bytes<float>(values)));
        (string Extension, byte[] Content)[] sound =
        [
            (".npy", npy), (".npz", DumpFiles.Npz(CompressionLevel.NoCompression, ("logits", npy), ("norm", npy))),
            (".npz", DumpFiles.Npz(CompressionLevel.Optimal, ("logits", npy), ("norm", npy))), (".safetensors", File.ReadAllBytes(_folder.File("sound"))),
            (".json", """{"positions": [0, 1], "logits": [[1.5, -2e-3, 0], [NaN, null, 1]], "norm": [[1, 2], [3, 4]]}"""u8.ToArray()),
        ];
        int refused = 0;
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(1500), Prop.ForAll(ArbMap.Default.GeneratorFor<int>().ToArbitrary(), seed =>
        {
            var random = new Random(seed);
            (string extension, byte[] content) = sound[random.Next(sound.Length)];
            byte[] damaged = random.Next(6) == 0 ? content[..random.Next(content.Length)] : [.. content];
            for (int times = random.Next(1, 4); times > 0 && damaged.Length > 0; times--)
                damaged[random.Next(damaged.Length)] = extension == ".json" && random.Next(4) != 0 ? (byte)"019.[]{},\"\\-e "[random.Next(14)] : (byte)random.Next(256);
            string path = _folder.Write((random.Next(2) == 0 ? "a" : "a" + extension), damaged);
            try
            {
                using Dump dump = Dump.Open(path);
                foreach (DumpTensor tensor in dump.Tensors)
                {
                    double[] row = new double[tensor.Width];
                    for (int i = 0; i < tensor.Rows; i++)
                        tensor.ReadRow(i, row);
                    _ = tensor.HoldsBfloat16();
                }
                _ = dump.Logits();
            }
            catch (CheckpointFormatException e)
            {
                Assert.Matches(@"\A[^\r\n]+\.\z", e.Message);
                refused++;
            }
        }));
        Assert.InRange(refused, 500, 1500);
    }

    private static void RequireRecorded(DumpTensor tensor)
    {
        Assert.Equal((2, 3), (tensor.Rows, tensor.Width));
        var read = new List<float>();
        for (int row = 0; row < 2; row++)
        {
            float[] values = new float[3];
            tensor.ReadRow(row, values);
            read.AddRange(values);
        }
        Assert.Equal(Recorded.Select(value => float.IsNaN(value) ? 1 : BitConverter.SingleToInt32Bits(value)),
            read.Select(value => float.IsNaN(value) ? 1 : BitConverter.SingleToInt32Bits(value)));
    }

    private static void Refused(string path, string message) => Assert.Equal(message, Assert.Throws<CheckpointFormatException>(() => Dump.Open(path).Dispose()).Message);
}
