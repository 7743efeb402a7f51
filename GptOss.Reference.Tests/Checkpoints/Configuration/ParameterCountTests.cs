using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Checkpoints.Storage;
using Xunit;

namespace GptOss.Reference.Tests.Checkpoints.Configuration;

/// <summary>The model card's Table 1 (arXiv 2508.10925), and the total_size of the two published index files.</summary>
public class ParameterCountTests
{
    [Fact]
    public void The_20b_shape_counts_as_the_model_card_does()
    {
        ParameterCount count = ParameterCount.From(PublishedShapes.Gpt20b);
        Assert.Equal((637_272_576, 19_119_214_848, 579_133_440, 579_133_440), (count.Attention, count.Mlp, count.Embedding, count.Unembedding));
        Assert.Equal((20_914_757_184, 3_608_307_264), (count.Total, count.Active));
        Assert.Equal((19_110_297_600, 13_761_264_768), (count.Mxfp4, count.TensorBytes));
        Assert.Equal(0.914, count.Mxfp4Share, 3);
    }

    [Fact]
    public void The_120b_shape_counts_as_the_model_card_does()
    {
        ParameterCount count = ParameterCount.From(PublishedShapes.Gpt120b);
        Assert.Equal((955_908_864, 114_714_978_048, 579_133_440, 579_133_440), (count.Attention, count.Mlp, count.Embedding, count.Unembedding));
        Assert.Equal((116_829_156_672, 5_132_849_472), (count.Total, count.Active));
        Assert.Equal((114_661_785_600, 65_248_815_744), (count.Mxfp4, count.TensorBytes));
        Assert.Equal(0.981, count.Mxfp4Share, 3);
    }

    [Theory]
    [InlineData(CheckpointLayout.Original, 363, 543)]
    [InlineData(CheckpointLayout.HuggingFace, 459, 687)]
    public void The_inventory_has_the_published_number_of_tensors_and_bytes(CheckpointLayout layout, int tensors20b, int tensors120b)
    {
        foreach ((GptOssConfig config, int tensors) in new[] { (PublishedShapes.Gpt20b, tensors20b), (PublishedShapes.Gpt120b, tensors120b) })
        {
            ExpectedTensor[] inventory = [.. TensorNames.Inventory(config, layout)];
            Assert.Equal(tensors, inventory.Length);
            Assert.Equal(tensors, inventory.Select(tensor => tensor.Name).Distinct().Count());
            Assert.Equal(ParameterCount.From(config).TensorBytes, inventory.Sum(tensor =>
                tensor.Shape.Aggregate(1L, (a, b) => a * b) * tensor.DType.Bits() / 8));
        }
    }
}
