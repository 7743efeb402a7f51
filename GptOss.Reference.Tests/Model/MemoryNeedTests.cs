using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Model;
using GptOss.Reference.Numerics.Lanes;
using Xunit;

namespace GptOss.Reference.Tests.Model;

public class MemoryNeedTests
{
    [Theory]
    [InlineData(1, Precision.Float32)]
    [InlineData(256, Precision.Float32)]
    [InlineData(257, Precision.Bfloat16)]
    [InlineData(1000, Precision.Float32)]
    public void The_cache_takes_what_a_sequence_takes(int context, Precision precision)
    {
        using Transformer model = Transformer.Load(TestData.Tiny, new() { Precision = precision });
        Sequence sequence = model.NewSequence();
        model.Forward(new BatchItem(sequence, new int[context], LogitRows.None));
        MemoryNeed need = MemoryNeed.Of(model.Config, context, precision);
        Assert.Equal(sequence.CacheBytes, need.SlidingCache + need.FullCache);
        Assert.Equal(model.Checkpoint.TotalBytes, need.Weights);
    }

    [Fact]
    public void The_20b_shape_stays_under_its_bound_beyond_the_mapped_file()
    {
        MemoryNeed need = MemoryNeed.Of(PublishedShapes.Gpt20b, 4096);
        Assert.Equal(13_761_264_768, need.Weights);
        Assert.InRange(need.Private, 1, (long)(1.5 * (1L << 30)));
        Assert.Equal(12 * 4096L * 2 * 512 * 4, need.FullCache);
        Assert.Equal(12 * 640L * 2 * 512 * 4, need.SlidingCache);
    }

    [Fact]
    public void A_context_beyond_the_model_s_is_refused() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => MemoryNeed.Of(PublishedShapes.Gpt20b, 131_073));
}
