using System.Numerics.Tensors;
using GptOss.Reference.Model;
using Xunit;

namespace GptOss.Reference.Tests.Model;

public sealed class LogitsBufferTests
{
    [Fact]
    public void Rows_are_a_tensor_of_rows_and_vocabulary()
    {
        using var model = Transformer.Load(TestData.Tiny);
        using Sequence sequence = model.NewSequence();
        var logits = new LogitsBuffer();
        Assert.Equal(0, (int)logits.Tensor.FlattenedLength);
        model.Forward(new BatchItem(sequence, new[] { 1, 2, 3 }, LogitRows.All), logits, TestContext.Current.CancellationToken);
        ReadOnlyTensorSpan<float> tensor = logits.Tensor;
        Assert.Equal([3, model.Config.VocabSize], tensor.Lengths.ToArray());
        for (nint row = 0; row < 3; row++)
        {
            for (nint id = 0; id < model.Config.VocabSize; id++)
                Assert.Equal(logits[(int)row][(int)id], tensor[row, id]);
        }
    }
}
