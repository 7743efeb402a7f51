using System.Text.Json;
using GptOss.Reference.Checkpoints;
using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Checkpoints.Safetensors;
using GptOss.Reference.Generation;
using GptOss.Reference.Model;
using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Oracle.Scoring;
using GptOss.Reference.Tokens;
using Xunit;

namespace GptOss.Reference.Tests.Model;

/// <summary>Whole GGUF models: the same bits as the safetensors that they were made from, and within float32 of an independent evaluation.</summary>
public class GgufModelTests
{
    private static readonly string Folder = Path.Combine(TestData.Root, "gguf", "models");

    public static TheoryData<string> Models =>
        [.. Directory.EnumerateFiles(Folder, "*.json").Select(path => Path.GetFileNameWithoutExtension(path)).Order(StringComparer.Ordinal)];

    [Theory, MemberData(nameof(Models))]
    public void A_model_gives_the_recorded_logits(string name)
    {
        JsonElement manifest = Manifest(name), said = manifest;
        if (manifest.TryGetProperty("same_logits_as", out JsonElement twin))
            said = Manifest(twin.GetString()!);
        int[] ids = [.. said.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32())];
        using Transformer model = Load(manifest);
        Assert.Equal(CheckpointLayout.Gguf, model.Checkpoint.Layout);
        Assert.Equal(said.GetProperty("vocabulary").GetInt32(), model.Config.VocabSize);
        float[][] logits = Logits(model, ids);
        if (said.TryGetProperty("logits_hash_float32", out JsonElement hash))
            Assert.Equal(hash.GetString(), Hash(logits));
        using var recorded =
            SafeTensorsFile.Open(Path.Combine(Folder, (twin.ValueKind == JsonValueKind.String ? twin.GetString() : name) + ".logits.safetensors"));
        AssertWithin(1e-4, name, said, logits, recorded.Floats("reference").Span);
    }

    [Theory]
    [InlineData("small-q8_0")]
    [InlineData("small-k")]
    [InlineData("small-legacy")]
    [InlineData("mini-plain")]
    [InlineData("small-f16")]
    public void Rounded_bounds_give_the_logits_recorded_with_them(string name)
    {
        JsonElement manifest = Manifest(name);
        int[] ids = [.. manifest.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32())];
        using Transformer model = Load(manifest, new() { RoundYarnBounds = true });
        Assert.True(model.Config.RoundsYarnBounds);
        using var recorded = SafeTensorsFile.Open(Path.Combine(Folder, name + ".logits.safetensors"));
        AssertWithin(1e-4, name, manifest, Logits(model, ids), recorded.Floats("rounded").Span);
    }

    [Fact]
    public void With_rounded_bounds_and_float32_weights_llama_cpp_gives_the_same_logits()
    {
        JsonElement manifest = Manifest("small-f32");
        int[] ids = [.. manifest.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32())];
        using var recorded = SafeTensorsFile.Open(Path.Combine(Folder, "small-f32.logits.safetensors"));
        float[] theirs = recorded.Floats("llama.cpp").ToArray();
        using Transformer rounded = Load(manifest, new() { RoundYarnBounds = true }), published = Load(manifest);
        AssertWithin(1e-5, "small-f32", manifest, Logits(rounded, ids), theirs);
        Assert.ThrowsAny<Exception>(() => AssertWithin(1e-3, "small-f32", manifest, Logits(published, ids), theirs));
    }

    [Fact]
    public void A_run_with_rounded_bounds_has_another_fingerprint()
    {
        JsonElement manifest = Manifest("mini-plain");
        using Transformer rounded = Load(manifest, new() { RoundYarnBounds = true }), published = Load(manifest);
        Assert.Equal(ModelFingerprint.Of(published.Checkpoint), ModelFingerprint.Of(published));
        Assert.NotEqual(ModelFingerprint.Of(published), ModelFingerprint.Of(rounded));
    }

    [Fact]
    public void The_toy_has_the_same_bits_from_either_container()
    {
        using Transformer gguf = Transformer.Load(Path.Combine(Folder, "tiny-gpt-oss-bf16.gguf")), safetensors = Transformer.Load(TestData.Tiny);
        int[] ids = [.. Manifest("tiny-gpt-oss-bf16").GetProperty("ids").EnumerateArray().Select(id => id.GetInt32())];
        Assert.Equal(Hash(Logits(safetensors, ids)), Hash(Logits(gguf, ids)));
        Assert.Equal(safetensors.Config, gguf.Config);
        Assert.Equal(StopTokens.For(safetensors.Checkpoint, safetensors.Checkpoint.Tokenizer).Order(),
            StopTokens.For(gguf.Checkpoint, gguf.Checkpoint.Tokenizer).Order());
    }

    [Theory]
    [InlineData("tiny-gpt-oss-bf16")]
    [InlineData("tiny-gpt-oss-mxfp4")]
    public void The_vocabulary_of_a_file_is_that_of_its_checkpoint(string name)
    {
        using var checkpoint = Checkpoint.Open(Path.Combine(Folder, name + ".gguf"));
        Tokenizer own = Tokenizer.ForCheckpoint(TestData.Tiny), listed = checkpoint.Tokenizer;
        Assert.Equal(own.Count, listed.Count);
        for (int id = 0; id < own.Count; id++)
        {
            Assert.Equal(own.TokenBytes(id).ToArray(), listed.TokenBytes(id).ToArray());
            Assert.Equal(own.SpecialName(id), listed.SpecialName(id));
        }
        const string text = "<|start|>user<|message|>What's 2 + 2, naïve 日本? 🙂<|end|>";
        Assert.Equal(own.EncodeWithSpecials(text), listed.EncodeWithSpecials(text));
        Assert.Equal(own.Encode(text), listed.Encode(text));
    }

    [Fact]
    public void A_token_reads_what_the_file_stores_for_it()
    {
        using Checkpoint bf16 = Checkpoint.Open(Path.Combine(Folder, "tiny-gpt-oss-bf16.gguf")),
            q8 = Checkpoint.Open(Path.Combine(Folder, "tiny-gpt-oss-mxfp4.gguf"));
        using var safetensors = Checkpoint.Open(TestData.Tiny);

        // The same weights, but that norms, biases, sinks and router are float32 in the GGUF file.
        GptOssConfig c = bf16.Config;
        long layer =
            2L * c.HiddenSize + c.QuerySize + 2L * c.KeyValueSize + c.NumAttentionHeads + c.HiddenSize + (long)c.NumExperts * (c.HiddenSize + 1);
        long chosen = (long)c.ExpertsPerToken * (2L * c.IntermediateSize + c.HiddenSize);
        Assert.Equal(WorkPerToken.Bytes(safetensors) + 2 * (c.NumHiddenLayers * (layer + chosen) + c.HiddenSize), WorkPerToken.Bytes(bf16));
        Assert.True(WorkPerToken.Bytes(q8) < WorkPerToken.Bytes(bf16));
        Assert.Equal(WorkPerToken.Bytes(safetensors.Config), WorkPerToken.Bytes(safetensors));
        Assert.Equal("tiny-gpt-oss-bf16.gguf", bf16.Name);
    }

    private static Transformer Load(JsonElement manifest, ModelOptions? options = null) =>
        Transformer.Load(Path.Combine(Folder, manifest.GetProperty("files").EnumerateObject().First().Name), options);

    private static void AssertWithin(double most, string name, JsonElement manifest, float[][] logits, ReadOnlySpan<float> recorded)
    {
        int row = 0;
        foreach (JsonElement position in manifest.GetProperty("positions").EnumerateArray())
        {
            float[] ours = logits[position.GetInt32()];
            for (int i = 0; i < ours.Length; i++)
            {
                Assert.True(Math.Abs(ours[i] - recorded[row * ours.Length + i]) <= most,
                    $"{name}, position {position}, id {i}: {ours[i]} for {recorded[row * ours.Length + i]}");
            }
            row++;
        }
    }

    private static float[][] Logits(Transformer model, int[] ids)
    {
        Rows rows = model.Forward(new BatchItem(model.NewSequence(), ids, LogitRows.All), new LogitsBuffer(), TestContext.Current.CancellationToken);
        float[][] logits = new float[rows.Count][];
        for (int i = 0; i < logits.Length; i++)
            logits[i] = rows[i].ToArray();
        return logits;
    }

    private static string Hash(float[][] logits)
    {
        using LogitsHash hash = new();
        foreach (float[] row in logits)
            hash.Add(row);
        return hash.ToString();
    }

    private static JsonElement Manifest(string name)
    {
        using var document = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Folder, name + ".json")));
        return document.RootElement.Clone();
    }
}
