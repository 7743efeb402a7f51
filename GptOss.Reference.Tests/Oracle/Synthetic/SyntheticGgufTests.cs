using System.Text;
using System.Text.Json;
using GptOss.Reference.Checkpoints;
using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Checkpoints.Gguf;
using GptOss.Reference.Ground;
using GptOss.Reference.Model;
using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Numerics.Formats;
using GptOss.Reference.Numerics.Formats.Blocks;
using GptOss.Reference.Oracle.Synthetic;
using GptOss.Reference.Tests.Checkpoints;
using GptOss.Reference.Tests.Numerics;
using GptOss.Reference.Tokens;
using Xunit;

namespace GptOss.Reference.Tests.Oracle.Synthetic;

/// <summary>A synthetic GGUF file is the synthetic safetensors checkpoint in another container.</summary>
public sealed class SyntheticGgufTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("shape-base")]
    [InlineData("shape-one-key-value-head-all-experts")]
    [InlineData("shape-no-yarn")]
    [InlineData("shape-head-32")]
    [InlineData("shape-head-128")]
    public void The_same_seed_gives_the_same_bits_from_either_container(string pack)
    {
        using var manifest = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(TestData.Golden(pack), "manifest.json")));
        string config = manifest.RootElement.GetProperty("config").GetRawText();
        int[] ids = [.. manifest.RootElement.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32())];
        using Transformer safetensors = Transformer.Load(Safetensors(config, 5)), gguf = Transformer.Load(Gguf(config, 5));
        Assert.Equal(CheckpointLayout.Gguf, gguf.Checkpoint.Layout);
        Assert.Equal(safetensors.Config, gguf.Config);
        Assert.Equal(Hash(safetensors, ids), Hash(gguf, ids));
        Assert.NotEqual(Hash(safetensors, ids), Hash(Transformer.Load(Gguf(config, 6)), ids));
    }

    [Fact]
    public void Other_windows_norms_and_bounds_of_YaRN_are_in_the_file_too()
    {
        string config = SmallShapes.SixteenPositions.Replace("\"initial_context_length\": 16", "\"initial_context_length\": 4096",
            StringComparison.Ordinal).Replace("\"rope_scaling_factor\": 1.0, \"rope_ntk_alpha\": 1.0, \"rope_ntk_beta\": 32.0",
            "\"rope_scaling_factor\": 4.0, \"rope_ntk_alpha\": 2.0, \"rope_ntk_beta\": 16.0, \"rms_norm_eps\": 1e-6, " +
            "\"layer_types\": [\"full_attention\", \"sliding_attention\"]", StringComparison.Ordinal);
        using Checkpoint safetensors = Checkpoint.Open(Safetensors(config, 1)), gguf = Checkpoint.Open(Gguf(config, 1));
        Assert.Equal([false, true], gguf.Config.SlidingLayers);
        Assert.Equal(safetensors.Config with { SlidingLayers = null }, gguf.Config with { SlidingLayers = null });
        Assert.Equal((16f, 2f), (gguf.Config.RopeNtkBeta, gguf.Config.RopeNtkAlpha));
    }

    [Fact]
    public void A_factor_below_one_scales_nothing()
    {
        string config = SmallShapes.SixteenPositions.Replace("scaling_factor\": 1.0", "scaling_factor\": 0.5", StringComparison.Ordinal);
        using Transformer safetensors = Transformer.Load(Safetensors(config, 1)), gguf = Transformer.Load(Gguf(config, 1));
        Assert.Equal((0.5f, 1f), (safetensors.Config.RopeScalingFactor, gguf.Config.RopeScalingFactor));
        Assert.Equal(Hash(safetensors, [1, 2, 3, 4, 5]), Hash(gguf, [1, 2, 3, 4, 5]));
    }

    [Fact]
    public void Rounded_dense_weights_are_nearest_and_those_of_the_fast_profile()
    {
        using Checkpoint stored = Checkpoint.Open(Safetensors(SmallShapes.SixteenPositions, 1)),
            rounded = Checkpoint.Open(Gguf(SmallShapes.SixteenPositions, 1, DenseType.Q8_0));
        Assert.Equal(["F32", "MXFP4", "Q8_0"], rounded.Tensors.Select(tensor => tensor.Format).Distinct().Order(StringComparer.Ordinal));
        foreach (string name in (string[])[TensorNames.Embedding, TensorNames.Unembedding, "block.1.attn.out.weight"])
        {
            var exact = (Bf16Matrix)stored.Matrix(name);
            Weights q8 = rounded.Matrix(name), fast = Q8Matrix.Round(exact, TestWorkers.Of(1))!;
            float[] a = new float[exact.Columns], b = new float[exact.Columns], c = new float[exact.Columns];
            for (int row = 0; row < exact.Rows; row++)
            {
                exact.Decode(row, a);
                q8.Decode(row, b);
                fast.Decode(row, c);
                Assert.Equal(c, b);
                for (int i = 0; i < a.Length; i++)
                {
                    // Half a step; the scale is a float16, so the largest may be clipped by what it was rounded down.
                    float largest = a.Skip(i / 32 * 32).Take(32).Max(MathF.Abs);
                    Assert.InRange(MathF.Abs(a[i] - b[i]), 0, largest / 127 * 0.6f);
                }
            }
        }
    }

    [Fact]
    public void The_vocabulary_is_o200k_harmony_as_far_as_there_are_rows()
    {
        string config = SmallShapes.SixteenPositions.Replace("\"vocab_size\": 512", "\"vocab_size\": 201090", StringComparison.Ordinal);
        using var whole = Checkpoint.Open(Gguf(config, 1));
        Tokenizer tokenizer = whole.Tokenizer;
        Assert.Equal(201_090, tokenizer.Count);
        for (int id = 0; id < Tokenizer.O200kHarmony.Count; id++)
        {
            Assert.True(tokenizer.TokenBytes(id).Span.SequenceEqual(Tokenizer.O200kHarmony.TokenBytes(id).Span), $"id {id}");
            Assert.Equal(Tokenizer.O200kHarmony.SpecialName(id), tokenizer.SpecialName(id));
        }
        Assert.Equal([200002], whole.EosTokenIds());
        using var some = Checkpoint.Open(Gguf(SmallShapes.SixteenPositions, 1));
        Assert.Equal(512, some.Tokenizer.Count);
        Assert.Empty(some.EosTokenIds());
    }

    [Fact]
    public void Merging_by_the_listed_pairs_gives_the_tokens_that_ranks_give()
    {
        string config = SmallShapes.SixteenPositions.Replace("\"vocab_size\": 512", "\"vocab_size\": 6000", StringComparison.Ordinal);
        string folder = Gguf(config, 1);
        using var files = GgufFiles.Open(Path.Combine(folder, SyntheticGguf.FileName));
        var places = new Dictionary<string, int>(StringComparer.Ordinal);
        files.Metadata.ForEachString("tokenizer.ggml.merges", (place, utf8) => places.Add(Encoding.UTF8.GetString(utf8), (int)place));
        Assert.True(places.Count > 6000);                // most tokens can be made in more than one way
        using var checkpoint = Checkpoint.Open(folder);
        foreach (string piece in (string[])["configuration", " lowercase", "naïve", "日本語", "unknowable", "<|start|>", "aaaaaaaaaaaaa", "         "])
        {
            string joined = string.Join(' ', ListedMerges(Encoding.UTF8.GetBytes(piece), places));
            Assert.Equal(joined, string.Join(' ', Tokenizer.Split(piece).SelectMany(part => checkpoint.Tokenizer.Encode(part))
                .Select(id => ByteAlphabet.Spell(checkpoint.Tokenizer.TokenBytes(id).Span))));
        }
    }

    [Theory]
    [InlineData("\"swiglu_limit\": 7.0", "\"swiglu_limit\": 0.5", "config.json: swiglu_limit is 0.5; a GGUF file cannot say so, and means 7.")]
    [InlineData("\"swiglu_limit\": 7.0", "\"yarn_bounds\": \"rounded\"",
        "config.json: the bounds of YaRN are rounded, which a GGUF file cannot say.")]
    [InlineData("\"vocab_size\": 512", "\"vocab_size\": 255",
        "config.json: vocab_size is 255; a GGUF file has a token for each of the 256 bytes.")]
    public void What_a_GGUF_file_cannot_say_is_refused(string good, string bad, string sentence)
    {
        string config = SmallShapes.SixteenPositions.Replace(good, bad, StringComparison.Ordinal);
        Assert.Equal(sentence, Assert.Throws<CheckpointFormatException>(() => SyntheticGguf.PlanFor(config, DenseType.Bfloat16)).Message);
    }

    private string Safetensors(string config, ulong seed)
    {
        string folder = _folder.File($"safetensors-{seed}");
        SyntheticCheckpoint.Write(folder, config, seed, cancellation: TestContext.Current.CancellationToken);
        return folder;
    }

    private string Gguf(string config, ulong seed, DenseType dense = DenseType.Bfloat16)
    {
        string folder = _folder.File($"gguf-{seed}-{_folder.Names().Length}");
        SyntheticGguf.Plan plan = SyntheticGguf.PlanFor(config, dense);
        plan.Write(folder, seed, cancellation: TestContext.Current.CancellationToken);
        Assert.Equal(plan.Bytes, new FileInfo(Path.Combine(folder, SyntheticGguf.FileName)).Length);
        return folder;
    }

    private static string Hash(Transformer model, int[] ids)
    {
        using LogitsHash hash = new();
        Rows rows = model.Forward(new BatchItem(model.NewSequence(), ids, LogitRows.All), new LogitsBuffer(), TestContext.Current.CancellationToken);
        for (int i = 0; i < rows.Count; i++)
            hash.Add(rows[i]);
        return hash.ToString();
    }

    /// <summary>Merging as readers of lists do it: the pair that comes first in the list, the leftmost of equal ones, until none is in it.</summary>
    private static List<string> ListedMerges(byte[] piece, Dictionary<string, int> places)
    {
        List<string> symbols = [.. piece.Select(one => ByteAlphabet.Spell([one]))];
        while (true)
        {
            (int place, int at) = Enumerable.Range(0, symbols.Count - 1)
                .Select(at => (places.GetValueOrDefault($"{symbols[at]} {symbols[at + 1]}", int.MaxValue), at))
                .DefaultIfEmpty((int.MaxValue, 0)).Min();
            if (place == int.MaxValue)
                return symbols;
            symbols[at] += symbols[at + 1];
            symbols.RemoveAt(at + 1);
        }
    }
}
