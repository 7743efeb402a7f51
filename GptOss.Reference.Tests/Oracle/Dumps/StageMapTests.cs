using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Checkpoints.Storage;
using GptOss.Reference.Ground;
using GptOss.Reference.Model.Stages;
using GptOss.Reference.Oracle.Diff;
using GptOss.Reference.Oracle.Dumps;
using GptOss.Reference.Oracle.Stages;
using GptOss.Reference.Tests.Oracle.Diff;
using Xunit;

namespace GptOss.Reference.Tests.Oracle.Dumps;

public sealed class StageMapTests(SmallTrace trace) : IClassFixture<SmallTrace>
{
    [Theory]
    [InlineData("attn_norm-11", "block.11.attn.norm")]
    [InlineData("attn_norm-11#1", "block.11.attn.norm")]
    [InlineData("Qcur-0", "block.0.attn.q")]
    [InlineData("Qcur-0#3", "block.0.attn.q")]
    [InlineData("Vcur-0#2", "block.0.attn.qkv")]
    [InlineData("l_out-23", "block.23.mlp.residual")]
    [InlineData("result_output", "logits")]
    [InlineData("model.layers.5", "block.5.mlp.residual")]
    [InlineData("layers.5.mlp.router.2", "block.5.mlp.experts")]
    [InlineData("lm_head", "logits")]
    [InlineData("block.3.mlp", "block.3.mlp.residual")]
    [InlineData("block.3.attn.rope.1", "block.3.attn.k")]
    public void Names_of_others_are_stages(string name, string stage) => Assert.Equal(stage, StageMap.BuiltIn.Find(name)?.Key.Name);

    [Theory]
    [InlineData("Qcur-0#1")]
    [InlineData("attn_norm-")]
    [InlineData("attn_norm-x")]
    [InlineData("attn_norm-99999999999999999999")]
    [InlineData("model.layers.5.mlp")]
    [InlineData("Result_output")]
    [InlineData("")]
    public void Other_names_are_none(string name) => Assert.Null(StageMap.BuiltIn.Find(name));

    [Fact]
    public void A_dump_of_transformers_is_the_same_stages()
    {
        const int layer = 1;
        string p = $"model.layers.{layer}.";
        GptOssConfig config = trace.Config;
        float[] qkv = trace.Values($"block.{layer}.attn.qkv");
        int q = config.QuerySize, kv = config.KeyValueSize, width = q + 2 * kv;
        DumpFiles.SafeTensors(trace.Write("hf.safetensors", ""),
            ("model.embed_tokens", DType.F32, [1, 6, 64], Bytes("embedding")), (p + "input_layernorm", DType.F32, [1, 6, 64], Bytes($"block.{layer}.attn.norm")),
            (p + "self_attn.q_proj", DType.F32, [1, 6, q], Columns(0, q)), (p + "self_attn.k_proj", DType.F32, [1, 6, kv], Columns(q, kv)),
            (p + "self_attn.v_proj", DType.F32, [1, 6, kv], Columns(q + kv, kv)), (p + "self_attn.o_proj.input", DType.F32, [1, 6, q], Bytes($"block.{layer}.attn.heads")),
            (p + "post_attention_layernorm.input", DType.F32, [1, 6, 64], Bytes($"block.{layer}.attn.residual")),
            (p + "post_attention_layernorm", DType.F32, [1, 6, 64], Bytes($"block.{layer}.mlp.norm")), (p + "mlp.router.0", DType.F32, [6, 4], Bytes($"block.{layer}.mlp.router")),
            (p + "mlp.router.1", DType.F32, [6, 2], Bytes($"block.{layer}.mlp.weights")), (p + "mlp.router.2", DType.I64, [6, 2], Experts($"block.{layer}.mlp.experts")),
            (p[..^1], DType.F32, [1, 6, 64], Bytes($"block.{layer}.mlp.residual")), ("model.norm", DType.F32, [1, 6, 64], Bytes("norm")),
            ("lm_head", DType.F32, [1, 6, 512], Bytes("logits")), ("positions", DType.I64, [6], DumpFiles.Bytes<long>([0, 1, 2, 3, 4, 5])));
        using Dump reference = Dump.Open(trace.Folder), candidate = Dump.Open(Path.Combine(Path.GetDirectoryName(trace.Folder)!, "hf.safetensors"));
        TraceDifference difference = TraceDiff.Compare(reference, candidate, cancellation: TestContext.Current.CancellationToken);
        Assert.Equal(12, difference.Stages.Count);
        Assert.Null(difference.FirstDifference);
        Assert.All(difference.NotCompared, not => Assert.Equal("not in B", not.Reason));
        Assert.Equal("lm_head", candidate.Logits().Name);

        byte[] Bytes(string stage) => DumpFiles.Bytes<float>(trace.Values(stage));
        byte[] Columns(int first, int count) => DumpFiles.Bytes<float>([.. Enumerable.Range(0, 6).SelectMany(row => qkv.Skip(row * width + first).Take(count))]);
        byte[] Experts(string stage)
        {
            (int start, int bytes) = trace.Place(stage);
            return DumpFiles.Bytes<long>([.. Enumerable.Range(0, bytes / 4).Select(i => (long)BitConverter.ToInt32(trace.Stages, start + i * 4))]);
        }
    }

    [Fact]
    public void A_file_names_others_and_goes_first()
    {
        StageMap map = StageMap.Read(trace.Write("map.json",
            """{"block.N.attn.heads": "layer_N/attended", "out": "logits", "block.N.attn.qkv": ["q.N", "k.N", "v.N"], "block.N.mlp.norm": "l_out-N"}"""));
        Assert.Equal("block.4.attn.heads", map.Find("layer_4/attended")?.Key.Name);
        Assert.Equal("logits", map.Find("out")?.Key.Name);
        Assert.Equal((new StageKey(Stage.Qkv, 2), 1, 3), map.Find("k.2"));
        Assert.Equal("block.0.mlp.norm", map.Find("l_out-0")?.Key.Name);
        Assert.Equal("block.0.attn.residual", map.Find("ffn_inp-0")?.Key.Name);
    }

    [Theory]
    [InlineData("[]", "the document is a list; expected an object.")]
    [InlineData("""{"a": "b"}""", "'a' is not a stage; expected names such as block.N.attn.heads or logits.")]
    [InlineData("""{"a": ["logits"]}""", "'a' is not a stage; expected names such as block.N.attn.heads or logits.", true)]
    [InlineData("""{"logits": 3}""", "'logits' is 3; expected a name or a list of names.")]
    [InlineData("""{"logits": []}""", "'logits' is a list; expected a name or a list of names.")]
    [InlineData("""{"block.N.attn.q": "query"}""", "'block.N.attn.q' and 'query' do not both have an N for the layer.")]
    [InlineData("""{"logits": "out.N"}""", "'logits' and 'out.N' do not both have an N for the layer.")]
    [InlineData("""{"block.0.attn.q": "query"}""", "'block.0.attn.q' is not a stage; expected names such as block.N.attn.heads or logits.")]
    public void A_map_that_names_no_stage_is_one_sentence(string text, string sentence, bool isRead = false)
    {
        string path = trace.Write("map.json", text);
        if (isRead)
            Assert.Equal("logits", StageMap.Read(path).Find("a")?.Key.Name);
        else
            Assert.Equal($"map.json: {sentence}", Assert.Throws<CheckpointFormatException>(() => StageMap.Read(path)).Message);
    }
}
