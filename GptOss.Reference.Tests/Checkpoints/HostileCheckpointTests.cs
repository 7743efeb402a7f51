using FsCheck;
using FsCheck.Fluent;
using GptOss.Reference.Checkpoints;
using GptOss.Reference.Checkpoints.Safetensors;
using GptOss.Reference.Checkpoints.Storage;
using GptOss.Reference.Ground;
using Xunit;

namespace GptOss.Reference.Tests.Checkpoints;

/// <summary>Whole checkpoints that contradict themselves: index against shards, tensors against configuration.</summary>
public sealed class HostileCheckpointTests : IDisposable
{
    private const string Index = "model.safetensors.index.json";
    private const string Shard0 = "model-00000-of-00001.safetensors";
    private const string Shard1 = "model-00001-of-00001.safetensors";

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Shards_open_as_the_single_file_they_came_from()
    {
        SmallCheckpoints.WriteHuggingFace(_folder.File("hf"), shards: 3);
        SmallCheckpoints.WriteOriginal(_folder.File("original"));
        using Checkpoint sharded = Checkpoint.Open(_folder.File("hf")), single = Checkpoint.Open(_folder.File("original"));
        Assert.Equal((3, 1), (sharded.Files.Count, single.Files.Count));
        Assert.Equal(single.TotalBytes, sharded.TotalBytes);
        Assert.Empty(sharded.Notices);
        Assert.Equal(single.Bf16("block.1.attn.qkv.weight").ToArray(),
            sharded.Bf16Parts("block.1.attn.qkv.weight").SelectMany(part => part.ToArray()));
        using var byShard = Checkpoint.Open(_folder.File("hf/model-00001-of-00002.safetensors"));
        Assert.Equal(3, byShard.Files.Count);
    }

    [Fact]
    public void The_original_layout_reads_every_file_of_the_folder_and_refuses_a_name_twice()
    {
        SmallCheckpoints.WriteOriginal(_folder.Path);
        using (var all = SafeTensorsFile.Open(_folder.File("model.safetensors")))
        {
            foreach (int part in (int[])[0, 1])
            {
                SafeTensorsWriter.Write(_folder.File($"model--0000{part + 1}-of-00002.safetensors"), all.Tensors.Where((_, i) => i % 2 == part)
                    .Select(tensor => new TensorEntry(tensor.Name, tensor.DType, tensor.Shape, stream => stream.Write(all.Bytes(tensor.Name).Span))));
            }
        }
        File.Delete(_folder.File("model.safetensors"));
        using (var checkpoint = Checkpoint.Open(_folder.Path))
            Assert.Equal((2, 33), (checkpoint.Files.Count, checkpoint.Tensors.Count));
        File.Copy(_folder.File("model--00001-of-00002.safetensors"), _folder.File("x.safetensors"));
        Refused("duplicate-tensor", "x.safetensors: tensor 'embedding.weight' is also in model--00001-of-00002.safetensors.");
    }

    [Fact]
    public void Missing_extra_and_misshapen_tensors_are_reported_together()
    {
        SmallCheckpoints.WriteOriginal(_folder.Path);
        SmallCheckpoints.Edit(_folder.File("model.safetensors"), tensor => tensor.Name switch
        {
            "block.0.attn.sinks" => [],
            "block.1.attn.sinks" => [tensor with { Shape = [1, 2] }],
            "norm.scale" => [tensor with { DType = DType.F16 }],
            "block.1.mlp.mlp1_weight.scales" => [tensor with { DType = DType.I8 }, tensor with { Name = "extra\n" }],
            _ => [tensor],
        });
        Refused("inventory", $"{Path.GetFileName(_folder.Path)}: 5 tensors do not fit config.json: 'block.0.attn.sinks' is missing; "
            + "'block.1.attn.sinks' is BF16 [1, 2], expected BF16 [2]; 'block.1.mlp.mlp1_weight.scales' is I8 [2, 128, 1], expected U8 [2, 128, 1]; "
            + "'norm.scale' is F16 [32], expected BF16 [32]; 'extra\\u000A' is not part of a gpt-oss model of this configuration.");
    }

    [Fact]
    public void A_long_list_of_differences_is_cut_after_twenty()
    {
        SmallCheckpoints.WriteOriginal(_folder.Path);
        SmallCheckpoints.Edit(_folder.File("config.json"), config => config["num_hidden_layers"] = 4096);
        var e = Assert.Throws<CheckpointFormatException>(() => Checkpoint.Open(_folder.Path));
        Assert.EndsWith("'block.3.attn.out.weight' is missing; and 61390 more.", e.Message, StringComparison.Ordinal);
        Assert.Contains(": 61410 tensors do not fit config.json: 'block.2.attn.norm.scale' is missing; ", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_checkpoint_of_the_other_layout_s_names_is_refused()
    {
        SmallCheckpoints.WriteHuggingFace(_folder.Path);
        SmallCheckpoints.Edit(_folder.File("config.json"), config => config.Remove("model_type"));
        File.Delete(_folder.File(Index));
        Assert.Equal("inventory", Assert.Throws<CheckpointFormatException>(() => Checkpoint.Open(_folder.Path)).Rule);
    }

    [Fact]
    public void An_unquantised_fine_tune_is_explained()
    {
        SmallCheckpoints.WriteHuggingFace(_folder.Path, shards: 1);
        string shard = _folder.File("model-00000-of-00000.safetensors"), name = "model.layers.0.mlp.experts.gate_up_proj";
        SmallCheckpoints.Edit(shard, tensor => [tensor.Name == name + "_blocks"
            ? tensor with { Name = name, DType = DType.BF16, Shape = [2, 32, 128] } : tensor]);
        EditMap(map =>
        {
            map.Remove(name + "_blocks");
            map[name] = "model-00000-of-00000.safetensors";
        });
        Refused("unquantised",
            $"{Path.GetFileName(_folder.Path)}: tensor '{name}' has no _blocks: this is an unquantised fine-tune, whose experts are stored "
            + "transposed and not as MXFP4; it is not supported.");
    }

    [Fact]
    public void A_missing_shard_is_named()
    {
        SmallCheckpoints.WriteHuggingFace(_folder.Path);
        File.Delete(_folder.File(Shard1));
        Refused("missing-shard", $"{Index}: 1 of 2 files named by weight_map is missing: {Shard1}.");
    }

    [Fact]
    public void A_tensor_that_its_shard_does_not_hold_is_named()
    {
        SmallCheckpoints.WriteHuggingFace(_folder.Path);
        EditMap(map => map["ghost"] = Shard0);
        Refused("weight-map", $"{Index}: 1 tensor is not in the file that weight_map names: 'ghost' in {Shard0}.");
    }

    [Fact]
    public void A_tensor_that_the_map_assigns_to_another_shard_is_named()
    {
        SmallCheckpoints.WriteHuggingFace(_folder.Path);
        EditMap(map => map["lm_head.weight"] = Shard0);
        Refused("weight-map", $"{Shard1}: tensor 'lm_head.weight' is in this file, but weight_map says it is in {Shard0}.");
    }

    [Fact]
    public void A_tensor_in_two_shards_is_refused()
    {
        SmallCheckpoints.WriteHuggingFace(_folder.Path);
        SmallCheckpoints.Edit(_folder.File(Shard0), tensor => tensor.Name == "model.embed_tokens.weight"
            ? [tensor, tensor with { Name = "lm_head.weight" }] : [tensor]);
        Refused("weight-map", $"{Shard0}: tensor 'lm_head.weight' is in this file, but weight_map says it is in {Shard1}.");
    }

    [Fact]
    public void A_tensor_that_the_map_does_not_name_is_an_extra_one()
    {
        SmallCheckpoints.WriteHuggingFace(_folder.Path);
        SmallCheckpoints.Edit(_folder.File(Shard0), tensor => tensor.Name == "model.embed_tokens.weight"
            ? [tensor, tensor with { Name = "ghost" }] : [tensor]);
        Refused("inventory",
            $"{Path.GetFileName(_folder.Path)}: 1 tensor does not fit config.json: 'ghost' is not part of a gpt-oss model of this configuration.");
    }

    [Theory]
    [InlineData("../model.safetensors")]
    [InlineData("/etc/model.safetensors")]
    [InlineData("sub/model.safetensors")]
    [InlineData("sub\\model.safetensors")]
    [InlineData("C:model.safetensors")]
    [InlineData("a..safetensors")]
    [InlineData(".hidden.safetensors")]
    [InlineData("model.bin")]
    [InlineData("")]
    public void A_shard_name_that_could_leave_the_folder_is_refused(string name)
    {
        SmallCheckpoints.WriteHuggingFace(_folder.Path);
        EditMap(map => map["lm_head.weight"] = name);
        Refused("shard-name", $"{Index}: weight_map 'lm_head.weight' names the file '{name}'; expected a plain name that ends in .safetensors.");
    }

    [Theory]
    [InlineData("{}", "weight-map", "weight_map is missing or not an object; expected tensor names and the files that hold them.")]
    [InlineData("""{"weight_map": []}""", "weight-map",
        "weight_map is missing or not an object; expected tensor names and the files that hold them.")]
    [InlineData("""{"weight_map": {}}""", "weight-map", "weight_map is empty.")]
    [InlineData("""{"weight_map": {"a": 1}}""", "weight-map", "weight_map 'a' is 1; expected a file name.")]
    [InlineData("""{"weight_map": {"a": "\ud800.safetensors"}}""", "index-json", "the document holds text that is not Unicode.")]
    [InlineData("""{"weight_map": {"\ud800": "a.safetensors"}}""", "index-json", "the document holds text that is not Unicode.")]
    [InlineData("""{"weight_map": {"a": "x.safetensors", "a": "y.safetensors"}}""", "index-json", "the document has two equal keys in one object.")]
    [InlineData("[", "index-json", "the document is not valid JSON at line 1, byte 2.")]
    public void An_index_that_is_none_is_refused(string index, string rule, string sentence)
    {
        SmallCheckpoints.WriteHuggingFace(_folder.Path);
        _folder.Write(Index, index);
        Refused(rule, $"{Index}: {sentence}");
    }

    [Theory]
    [InlineData(1.0, true)]
    [InlineData("text", false)]
    public void A_total_size_that_differs_is_a_notice_and_one_that_is_no_number_is_ignored(object size, bool notice)
    {
        SmallCheckpoints.WriteHuggingFace(_folder.Path);
        SmallCheckpoints.Edit(_folder.File(Index), index => index["metadata"]!["total_size"] = size is double number ? number : (string)size);
        using var checkpoint = Checkpoint.Open(_folder.Path);
        Assert.Equal(notice ? [$"{Index} states a total_size of 1 bytes; the tensors have {checkpoint.TotalBytes}."] : [], checkpoint.Notices);
    }

    [Fact]
    public void A_scale_of_255_is_refused_when_its_expert_is_asked_about()
    {
        SmallCheckpoints.WriteOriginal(_folder.Path);
        string path = _folder.File("model.safetensors");
        long at;
        using (var file = SafeTensorsFile.Open(path))
        {
            Assert.True(file.TryGet("block.1.mlp.mlp2_weight.scales", out TensorInfo scales));
            at = file.FileBytes - file.Tensors[^1].End + scales.Begin + 3;
        }
        byte[] content = File.ReadAllBytes(path);
        content[at] = 255;
        File.WriteAllBytes(path, content);
        using var checkpoint = Checkpoint.Open(_folder.Path);
        checkpoint.Matrix("block.1.mlp.mlp1_weight").RequireNumbers(0);
        checkpoint.Matrix("block.1.mlp.mlp2_weight").RequireNumbers(1);
        var e = Assert.Throws<CheckpointFormatException>(() => checkpoint.Matrix("block.1.mlp.mlp2_weight").RequireNumbers(0));
        Assert.Equal(e.Message, Assert.Throws<CheckpointFormatException>(() => checkpoint.RequireNumbers()).Message);
        Assert.Equal("model.safetensors: tensor 'block.1.mlp.mlp2_weight.scales' has the scale 255 at byte 3; E8M0 scales of " +
            "weights go from 0 to 254.", e.Message);
    }

    [Theory]
    [InlineData("block.0.attn.out.weight", 0x7FC0, "NaN")]
    [InlineData("block.1.attn.sinks", 0xFF80, "-Infinity")]
    [InlineData("norm.scale", 0x7F80, "Infinity")]
    public void A_bfloat16_weight_that_is_not_finite_is_refused_by_a_check(string name, int bits, string shown)
    {
        SmallCheckpoints.WriteOriginal(_folder.Path);
        using (var sound = Checkpoint.Open(_folder.Path))
        {
            Assert.Equal(sound.Tensors.Where(t => !t.Info.Name.EndsWith(".blocks", StringComparison.Ordinal))
                .Sum(t => t.Info.Shape.Aggregate(1L, (a, b) => a * b)), sound.RequireNumbers());
        }
        string path = _folder.File("model.safetensors");
        long at;
        using (var file = SafeTensorsFile.Open(path))
        {
            Assert.True(file.TryGet(name, out TensorInfo tensor));
            at = file.FileBytes - file.Tensors[^1].End + tensor.Begin + 2;
        }
        byte[] content = File.ReadAllBytes(path);
        (content[at], content[at + 1]) = ((byte)bits, (byte)(bits >> 8));
        File.WriteAllBytes(path, content);
        using var checkpoint = Checkpoint.Open(_folder.Path);
        var e = Assert.Throws<CheckpointFormatException>(() => checkpoint.RequireNumbers());
        Assert.Equal($"model.safetensors: tensor '{name}' has the value {shown} at byte 2; weights are finite numbers.", e.Message);
        Assert.Equal("bfloat16-value", e.Rule);
    }

    [Fact]
    public void A_broken_file_leaves_the_others_closed()
    {
        Assert.SkipWhen(!OperatingSystem.IsLinux(), "Reads /proc.");
        SmallCheckpoints.WriteHuggingFace(_folder.Path);
        File.WriteAllBytes(_folder.File(Shard1), new byte[9]);
        Assert.Equal("header-start", Assert.Throws<CheckpointFormatException>(() => Checkpoint.Open(_folder.Path)).Rule);
        Assert.DoesNotContain(_folder.Path, File.ReadAllText("/proc/self/maps"), StringComparison.Ordinal);
    }

    [Fact]
    public void A_key_of_the_index_that_is_not_UTF_8_is_refused()
    {
        SmallCheckpoints.WriteHuggingFace(_folder.Path);
        _folder.Write(Index, [.. """{"weight_map":{"a"""u8, 0xF4, .. "\":\"a.safetensors\"}}"u8]);
        Refused("index-json", $"{Index}: byte 17 of the file is 0xF4, which is not UTF-8 there.");
    }

    [Fact]
    public void An_index_damaged_at_random_is_read_or_refused()
    {
        SmallCheckpoints.WriteHuggingFace(_folder.Path);
        byte[] valid = File.ReadAllBytes(_folder.File(Index));
        int refused = 0;
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(300), Prop.ForAll(ArbMap.Default.GeneratorFor<int>().ToArbitrary(), seed =>
        {
            var random = new Random(seed);
            byte[] index = random.Next(10) == 0 ? valid[..random.Next(valid.Length)] : [.. valid];
            for (int times = random.Next(1, 3); times > 0 && index.Length > 0; times--)
                index[random.Next(index.Length)] = random.Next(3) == 0 ? (byte)random.Next(256) : (byte)"019./\\\",:{}[] "[random.Next(14)];
            File.WriteAllBytes(_folder.File(Index), index);
            try
            {
                Checkpoint.Open(_folder.Path).Dispose();
            }
            catch (CheckpointFormatException)
            {
                refused++;
            }
        }));
        Assert.InRange(refused, 100, 300);
    }

    private void EditMap(Action<System.Text.Json.Nodes.JsonObject> change) =>
        SmallCheckpoints.Edit(_folder.File(Index), index => change(index["weight_map"]!.AsObject()));

    private void Refused(string rule, string message)
    {
        var e = Assert.Throws<CheckpointFormatException>(() => Checkpoint.Open(_folder.Path));
        Assert.Equal(message, e.Message);
        Assert.Equal(rule, e.Rule);
    }
}
