using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Cuda;
using GptOss.Reference.Model;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Tests.Model;
using Xunit;

namespace GptOss.Reference.Tests.Cuda;

/// <summary>What of a model goes to a card, and which models are refused.</summary>
public sealed class PlacementTests : IDisposable
{
    private readonly SmallModels _models = new();

    public void Dispose() => _models.Dispose();

    [Theory]
    [InlineData(8, 11, 2)]
    [InlineData(12, 21, 4)]
    [InlineData(16, 24, 7)]
    [InlineData(24, 24, 12)]
    [InlineData(80, 24, 36)]
    public void As_many_layers_of_experts_as_fit_are_on_the_card(int gigabytes, int small, int large)
    {
        long free = (long)(0.95 * gigabytes * (1L << 30));
        Assert.Equal((small, large), (Layers(PublishedShapes.Gpt20b, free), Layers(PublishedShapes.Gpt120b, free)));
    }

    [Fact]
    public void Another_byte_of_memory_never_means_fewer_layers_and_everything_planned_fits()
    {
        for (long free = 0; free < 20L << 30; free += 97 << 20)
        {
            var placement = Placement.Of(PublishedShapes.Gpt20b, free, cacheBytes: 1 << 30);
            Assert.True(Placement.Of(PublishedShapes.Gpt20b, free + (97 << 20), 1 << 30).ExpertLayers >= placement.ExpertLayers);
            if (!placement.Fits)
                continue;
            long taken = placement.Dense + placement.ExpertLayers * placement.Experts + placement.Work + placement.Cache;
            Assert.InRange(taken, 0, free);
            Assert.InRange(Placement.WeightBytes(PublishedShapes.Gpt20b, placement.ExpertLayers), 0, taken);
        }
    }

    [Theory]
    [InlineData(0, "a card computes attention and unembedding, the processor the experts of all 3 layers.")]
    [InlineData(2, "a card computes attention, unembedding and the experts of 2 of 3 layers, the processor those of the others.")]
    [InlineData(3, "a card computes all of it, experts of all 3 layers included.")]
    public void What_is_where_is_a_sentence(int held, string sentence) =>
        Assert.Equal(sentence, Placement.Describe("a card", [.. Enumerable.Range(0, 3).Select(layer => layer < held)]));

    [Fact]
    public void A_card_takes_what_fits_and_the_processor_the_rest_with_the_same_bits()
    {
        string folder = _models.Write(SmallModels.BaseConfig, 7);
        GptOssConfig config = ConfigReader.Read(Path.Combine(folder, "config.json"));
        var whole = Placement.Of(config, 1L << 40, null);
        string? expected = null;
        foreach (int layers in Enumerable.Range(0, config.NumHiddenLayers + 1))
        {
            long bytes = Placement.Margin + whole.Dense + whole.Work + whole.Cache + layers * whole.Experts + whole.Experts / 2;
            using EmulatedDevice device = new(1, holds: null, bytes);
            using Transformer model = device.Load(folder);
            Assert.Contains(layers == config.NumHiddenLayers ? "all of it" : layers == 0 ? "the processor the experts" : $" {layers} of ",
                model.Placement, StringComparison.Ordinal);
            string hash = SmallModels.Hash(SmallModels.Logits(model, model.NewSequence(), SmallModels.BaseIds.AsMemory(0, 10)));
            Assert.Equal(expected ??= hash, hash);
        }
    }

    [Fact]
    public void Too_little_memory_is_a_sentence_and_nothing_stays()
    {
        string folder = _models.Write(SmallModels.Smallest, 1);
        using EmulatedDevice device = new(bytes: 1 << 20);
        Assert.StartsWith("cuda:0 (a card) has 0.0 GB of memory free; attention and unembedding take 0.0 GB, working memory 0.0 GB, ",
            Assert.Throws<DeviceException>(() => device.Load(folder)).Message, StringComparison.Ordinal);
        Assert.Equal(0, device.Allocations);
    }

    [Fact]
    public void Every_byte_of_the_weights_is_reported_and_a_cancelled_load_leaves_nothing()
    {
        string folder = _models.Write(SmallModels.Smallest, 1);
        using EmulatedDevice device = new();
        Progress progress = new();
        using (Transformer.Load(folder, new ModelOptions { Threads = 1, Device = device.Device, Loading = progress }))
            Assert.Equal(progress.Last.Total, progress.Last.Done);
        Assert.True(progress.Last.Total > 0);
        Assert.Throws<OperationCanceledException>(
            () => Transformer.Load(folder, new ModelOptions { Threads = 1, Device = device.Device, Cancellation = new(canceled: true) }));
        Assert.Equal(0, device.Allocations);
    }

    [Fact]
    public void Other_profiles_packed_weights_and_shapes_that_the_kernels_do_not_know_are_refused()
    {
        string folder = _models.Write(SmallModels.Smallest, 1);
        using EmulatedDevice device = new();
        string Refused(string model, ModelOptions options) =>
            Assert.Throws<DeviceException>(() => Transformer.Load(model, options with { Threads = 1, Device = device.Device })).Message;
        Assert.Equal("The bfloat16 profile runs on the processor only.", Refused(folder, new() { Precision = Precision.Bfloat16 }));
        Assert.Equal("Packed weights are for the processor; a GPU reads them as published.", Refused(folder, new() { Pack = true }));
        string wide = _models.Write(SmallModels.Smallest.Replace("\"head_dim\": 32", "\"head_dim\": 16", StringComparison.Ordinal), 1);
        Assert.Equal("The GPU's kernels do not know a head dimension of 16; it can be 32, 64 or 128.", Refused(wide, new()));
        Assert.Equal(0, device.Allocations);
    }

    [Fact]
    public void A_variant_of_a_model_on_a_device_runs_on_the_processor_with_caches_of_its_own()
    {
        using EmulatedDevice device = new();
        using Transformer model = device.Load(_models.Write(SmallModels.Smallest, 1));
        using Transformer variant = model.With(ModelVariant.Sound);
        int[] ids = SmallModels.Ids(20, 64, 1);
        Assert.Equal(SmallModels.Hash(SmallModels.Logits(model, model.NewSequence(), ids)),
            SmallModels.Hash(SmallModels.Logits(variant, variant.NewSequence(), ids)));
        Assert.Null(variant.Placement);
        Assert.NotEqual(0, variant.CacheMemory.Held);
    }

    private static int Layers(GptOssConfig config, long free) => Placement.Of(config, free, cacheBytes: null).ExpertLayers;

    private sealed class Progress : IProgress<LoadProgress>
    {
        internal LoadProgress Last { get; private set; }

        public void Report(LoadProgress value) => Last = value;
    }
}
