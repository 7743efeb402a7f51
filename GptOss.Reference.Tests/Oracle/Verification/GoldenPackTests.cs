using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Checkpoints.Safetensors;
using GptOss.Reference.Checkpoints.Storage;
using GptOss.Reference.Ground;
using GptOss.Reference.Model.Stages;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Oracle.Packs;
using GptOss.Reference.Oracle.Stages;
using GptOss.Reference.Oracle.Traces;
using GptOss.Reference.Oracle.Verification;
using GptOss.Reference.Tests.Checkpoints;
using Xunit;

namespace GptOss.Reference.Tests.Oracle.Verification;

/// <summary>A pack's files are read by rules, and each broken rule is one sentence.</summary>
public class GoldenPackTests
{
    private const string Config = """
        {"num_hidden_layers":2,"num_experts":8,"experts_per_token":4,"vocab_size":512,"hidden_size":96,"intermediate_size":64,"head_dim":64,
         "num_attention_heads":8,"num_key_value_heads":2,"sliding_window":16}
        """;

    [Theory]
    [InlineData("shape-base", PackKind.Trace, true)]
    [InlineData("shape-deep", PackKind.Trace, false)]
    [InlineData("full-20b", PackKind.Trace, false)]
    [InlineData("defects", PackKind.Defects, false)]
    [InlineData("tiny-lengths", PackKind.Lengths, true)]
    [InlineData("tiny-greedy", PackKind.Greedy, true)]
    public void A_pack_says_its_kind_and_its_precisions(string name, PackKind kind, bool bfloat16)
    {
        var pack = GoldenPack.Open(TestData.Golden(name));
        Assert.Equal((name, kind), (pack.Name, pack.Kind));
        Assert.True(pack.Has(Precision.Float32));
        Assert.Equal(bfloat16, pack.Has(Precision.Bfloat16));
    }

    [Fact]
    public void A_trace_pack_gives_its_stages_by_name()
    {
        var pack = GoldenPack.Open(TestData.Golden("shape-no-yarn"));
        GptOssConfig config = ConfigReader.Parse(pack.ConfigJson!, "manifest.json");
        Trace trace = pack.ReadTrace(Precision.Bfloat16, config);
        Assert.Equal([.. StageKey.All(config)], trace.Stages.Select(stage => stage.Key));
        Assert.Equal([0, 1, 15, 16, 17, 39], trace.Positions);
        Assert.Equal(4, trace.Find(new(Stage.Experts, 1))!.Experts(5).Length);
        Assert.Equal(512, trace.Find(new(Stage.Logits, -1))![5].Length);
        Assert.Null(trace.Find(new(Stage.Qkv, 2)));
    }

    [Fact]
    public void The_last_logits_of_the_full_shape_are_apart()
    {
        var pack = GoldenPack.Open(TestData.Golden("full-20b"));
        Assert.Equal(201_088, pack.ReadLastLogits(Precision.Float32, PublishedShapes.Gpt20b)!.Length);
        Assert.Equal(73, pack.ReadTrace(Precision.Float32, PublishedShapes.Gpt20b).Stages.Count);
    }

    public static TheoryData<string, string> BrokenManifests => new()
    {
        { "", "the file is empty; expected a JSON object." },
        { "[]", "the document is a list; expected an object." },
        { """{"kind":"trace","kind":"trace"}""", "the document has two equal keys in one object." },
        { "{}", "kind is missing." },
        { """{"kind":"traces"}""", "kind is 'traces'; expected 'trace', 'defects', 'lengths' or 'greedy'." },
        { """{"kind":7}""", "kind is 7; expected 'trace', 'defects', 'lengths' or 'greedy'." },
        { """{"kind":"trace"}""", "neither seed nor checkpoint is given; the pack does not say which weights it ran." },
        { """{"kind":"trace","seed":1}""", "seed is given without config; a synthetic checkpoint needs both." },
        { """{"kind":"trace","seed":-1}""", "seed is -1; expected an integer from 0." },
        { """{"kind":"trace","checkpoint":""}""", "checkpoint is ''; expected a name or a list of files." },
        { """{"format":2,"kind":"trace","checkpoint":"a"}""", "format is 2; this program reads format 1." },
        { """{"format":"1","kind":"trace","checkpoint":"a"}""", "format is '1'; this program reads format 1." },
        { """{"format":1.5}""", "format is 1.5; this program reads format 1." },
        { """{"kind":"trace","seed":1,"checkpoint":"a","config":{}}""",
            "required keys are missing: num_hidden_layers, num_experts or num_local_experts, "
            + "experts_per_token or num_experts_per_tok, vocab_size, hidden_size, intermediate_size, num_attention_heads, "
            + "num_key_value_heads, head_dim." },
        { """{"kind":"trace","seed":1,"checkpoint":"a"}""", "seed and checkpoint are both given; the weights are either synthetic or in files." },
        { """{"kind":"trace","checkpoint":[]}""", "checkpoint is empty." },
        { """{"kind":"trace","checkpoint":["a"]}""", "checkpoint[0] is 'a'; expected an object of file, bytes and sha256." },
        { """{"kind":"trace","checkpoint":[{"bytes":1}]}""", "checkpoint[0].file is missing." },
        { """{"kind":"trace","checkpoint":[{"file":"a","bytes":1}]}""", "checkpoint[0].sha256 is missing." },
        { Listing("../a"), "checkpoint[0].file is '../a'; expected the name of a file, without a folder." },
        { Listing(".."), "checkpoint[0].file is '..'; expected the name of a file, without a folder." },
        { Listing("/etc/passwd"), "checkpoint[0].file is '/etc/passwd'; expected the name of a file, without a folder." },
        { Listing("a\\\\b"), "checkpoint[0].file is 'a\\b'; expected the name of a file, without a folder." },
        { Listing("C:a"), "checkpoint[0].file is 'C:a'; expected the name of a file, without a folder." },
        { Listing(""), "checkpoint[0].file is ''; expected the name of a file, without a folder." },
        { Listing("a", bytes: "-1"), "checkpoint[0].bytes is -1; expected a length in bytes." },
        { Listing("a", bytes: "1e30"), "checkpoint[0].bytes is 1e30; expected a length in bytes." },
        { Listing("a", sha256: "ABC"), "checkpoint[0].sha256 is 'ABC'; expected 64 lower-case hexadecimal digits." },
        { Listing("a").Replace("[{", "[{\"file\":\"a\",\"bytes\":0,\"sha256\":\"" + new string('0', 64) + "\"},{", StringComparison.Ordinal),
            "checkpoint[1].file is 'a', which is listed already." },
        { Listing("a", model: "7"), "model is 7; expected a name." },
        { """{"kind":"trace","checkpoint":"a","files":{}}""", "files is an object; expected a list." },
        { """{"kind":"trace","checkpoint":"a","files":[{"file":"../a","bytes":0,"sha256":""}]}""",
            "files[0].file is '../a'; expected the name of a file, without a folder." },
        { """{"kind":"trace","checkpoint":"a","budgets":7}""", "budgets is 7; expected an object." },
        { """{"kind":"trace","checkpoint":"a","budgets":{"float32":{"g":3}}}""", "budgets.float32.g is 3; expected a number from 1 to 2." },
        { """{"kind":"trace","checkpoint":"a","profile":"fp16"}""", "profile is 'fp16'; expected 'float32', 'bfloat16' or 'fast'." },
        { """{"kind":"trace","checkpoint":"a","logits_hash":"AB"}""", "logits_hash is 'AB'; expected 64 lower-case hexadecimal digits." },
        { """{"kind":"trace","checkpoint":"a"}""", "ids is missing." },
        { """{"kind":"trace","checkpoint":"a","ids":[]}""", "ids is empty." },
        { """{"kind":"trace","checkpoint":"a","ids":7}""", "ids is 7; expected a list." },
        { """{"kind":"trace","checkpoint":"a","ids":[1,-2]}""", "ids[1] is -2; expected an integer from 0 to 2147483647." },
        { """{"kind":"trace","checkpoint":"a","ids":[1,2.5]}""", "ids[1] is 2.5; expected an integer from 0 to 2147483647." },
        { """{"kind":"trace","checkpoint":"a","ids":[1,2],"positions":[1,1]}""", "positions[1] is 1; expected ascending numbers from 0 to 1." },
        { """{"kind":"trace","checkpoint":"a","ids":[1,2],"positions":[2]}""", "positions[0] is 2; expected ascending numbers from 0 to 1." },
        { """{"kind":"lengths","checkpoint":"a","ids":[1,2],"lengths":[0]}""", "lengths[0] is 0; expected ascending numbers from 1 to 2." },
        { """{"kind":"greedy","checkpoint":"a","stop":[],"prompts":[]}""", "prompts is empty." },
        { """{"kind":"greedy","checkpoint":"a","stop":[],"prompts":[{"ids":[1]}]}""",
            "prompts[0] has neither f32 nor bf16; nothing of it is recorded." },
        {
            """{"kind":"greedy","checkpoint":"a","stop":[],"prompts":[{"ids":[1],"f32":{"continuation":[1,2],"margins":[0]}}]}""",
            "prompts[0].f32 has 2 tokens and 1 margins; expected one for each."
        },
        {
            """{"kind":"greedy","checkpoint":"a","stop":[],"prompts":[{"ids":[1],"f32":{"continuation":[1],"margins":[-1]}}]}""",
            "prompts[0].f32.margins[0] is -1; expected a number from 0."
        },
        { """{"kind":"trace","seed":1,"config":{"num_hidden_layers":0}}""", "required keys are missing: num_experts or num_local_experts, "
            + "experts_per_token or num_experts_per_tok, vocab_size, hidden_size, intermediate_size, num_attention_heads, "
            + "num_key_value_heads, head_dim." },
    };

    private static string Listing(string file, string bytes = "1", string? sha256 = null, string model = "\"m\"") =>
        $$"""{"kind":"trace","model":{{model}},"checkpoint":[{"file":"{{file}}","bytes":{{bytes}},"sha256":"{{sha256 ?? new string('0', 64)}}"}]}""";

    [Fact]
    public void Lists_of_absurd_length_are_read_within_the_file_s_own()
    {
        using var folder = new TemporaryFolder();
        folder.Write("manifest.json",
            $$"""{"kind":"trace","checkpoint":"a","ids":[{{string.Join(',', Enumerable.Repeat('1', 2_000_000))}}],"positions":[0]}""");
        Assert.Equal(2_000_000, GoldenPack.Open(folder.Path).Ids.Count);
        folder.Write("manifest.json", $$"""{"kind":"trace","checkpoint":"a","ids":[{{new string(' ', 17 << 20)}}1],"positions":[0]}""");
        Assert.Matches("^manifest.json: the file has [0-9]+ bytes; at most 16777216 are read.$",
            Assert.Throws<CheckpointFormatException>(() => GoldenPack.Open(folder.Path)).Message);
    }

    [Theory, MemberData(nameof(BrokenManifests))]
    public void A_broken_manifest_is_one_sentence(string manifest, string sentence)
    {
        using var folder = new TemporaryFolder();
        folder.Write("manifest.json", manifest);
        CheckpointFormatException e = Assert.Throws<CheckpointFormatException>(() => GoldenPack.Open(folder.Path));
        Assert.Equal($"manifest.json: {sentence}", e.Message);
    }

    [Theory]
    [InlineData("block.2.attn.q", DType.F32, new long[] { 1, 8, 64 }, "'block.2.attn.q' is not a stage of a model of 2 layers.")]
    [InlineData("block.01.attn.q", DType.F32, new long[] { 1, 8, 64 }, "'block.01.attn.q' is not a stage of a model of 2 layers.")]
    [InlineData("block.0.attn.q", DType.F32, new long[] { 1, 512 }, "tensor 'block.0.attn.q' is F32 [1, 512]; expected F32 [1, 8, 64].")]
    [InlineData("block.0.attn.q", DType.BF16, new long[] { 1, 8, 64 }, "tensor 'block.0.attn.q' is BF16 [1, 8, 64]; expected F32 [1, 8, 64].")]
    [InlineData("logits", DType.F32, new long[] { 2, 512 }, "tensor 'logits' is F32 [2, 512]; expected F32 [1, 512].")]
    [InlineData("block.0.mlp.experts", DType.I32, new long[] { 1, 4 }, "tensor 'block.0.mlp.experts' holds expert 16843009; the model has 8.")]
    public void A_wrong_stage_is_one_sentence(string name, DType type, long[] shape, string sentence)
    {
        using var folder = new TemporaryFolder();
        folder.Write("manifest.json", $$"""{"kind":"trace","ids":[1,2],"positions":[1],"config":{{Config}},"seed":1}""");
        int bytes = (int)shape.Aggregate(1L, (a, b) => a * b) * type.Bits() / 8;
        SafeTensorsWriter.Write(folder.File("stages.f32.safetensors"),
            [new(name, type, shape, stream => stream.Write([.. Enumerable.Repeat((byte)1, bytes)]))]);
        var pack = GoldenPack.Open(folder.Path);
        CheckpointFormatException e =
            Assert.Throws<CheckpointFormatException>(() => pack.ReadTrace(Precision.Float32, ConfigReader.Parse(Config, "config.json")));
        Assert.Equal($"stages.f32.safetensors: {sentence}", e.Message);
    }

    [Theory]
    [InlineData("""{"a":{"float32":"0"}}""", "'a'.float32 is '0'; expected 64 lower-case hexadecimal digits.")]
    [InlineData("""{"a":7}""", "'a' is 7; expected an object.")]
    public void A_broken_list_of_hashes_is_one_sentence(string hashes, string sentence)
    {
        using var folder = new TemporaryFolder();
        folder.Write("a/manifest.json", """{"kind":"trace","checkpoint":"a","ids":[1],"positions":[0]}""");
        folder.Write("logits_hashes.json", hashes);
        var pack = GoldenPack.Open(folder.File("a"));
        Assert.Equal($"logits_hashes.json: {sentence}",
            Assert.Throws<CheckpointFormatException>(() => pack.ExpectedLogitsHash(Precision.Float32)).Message);
    }

    [Theory]
    [InlineData("../../elsewhere")]
    [InlineData("/etc")]
    [InlineData("not-there")]
    public void A_manifest_leads_to_no_other_place(string checkpoint)
    {
        using var folder = new TemporaryFolder();
        folder.Write("packs/a/manifest.json", $$"""{"kind":"trace","checkpoint":"{{checkpoint}}","ids":[1],"positions":[0]}""");
        folder.Write("packs/a/stages.f32.safetensors", []);
        CheckpointFormatException e =
            Assert.Throws<CheckpointFormatException>(() =>
                Verifier.Verify(GoldenPack.Open(folder.File("packs/a")), null, TestContext.Current.CancellationToken));
        Assert.Equal($"manifest.json: the pack ran '{checkpoint}', which is neither a folder beside the packs nor a hub name; give the " +
            $"folder of that checkpoint.", e.Message);
    }

    [Theory]
    [InlineData("*", "block.0.attn.q", true)]
    [InlineData("block.0.*", "block.0.attn.q", true)]
    [InlineData("block.0.*", "block.10.attn.q", false)]
    [InlineData("*.residual,logits", "logits", true)]
    [InlineData("*.residual,logits", "block.3.mlp.residual", true)]
    [InlineData("*.residual", "block.3.mlp.router", false)]
    [InlineData("block.*.attn.*", "block.3.attn.qkv", true)]
    [InlineData("b*a*q", "block.3.attn.q", true)]
    [InlineData("norm", "block.3.attn.norm", false)]
    public void Stars_stand_for_any_run_of_characters(string patterns, string name, bool matches) =>
        Assert.Equal(matches, StageFilter.Parse(patterns).Matches(name));

    [Fact]
    public void An_empty_stage_name_is_refused() => Assert.Throws<StageNameException>(() => StageFilter.Parse("logits,"));
}
