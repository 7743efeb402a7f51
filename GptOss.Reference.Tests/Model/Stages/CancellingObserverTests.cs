using GptOss.Reference.Model;
using GptOss.Reference.Model.Stages;
using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Tests.Numerics;
using Xunit;

namespace GptOss.Reference.Tests.Model.Stages;

public class CancellingObserverTests(SmallModels models) : IClassFixture<SmallModels>
{
    [Theory]
    [InlineData(Precision.Float32)]
    [InlineData(Precision.Bfloat16)]
    public void A_pass_that_ends_in_the_middle_of_a_chunk_leaves_its_sequence_where_it_was(Precision precision)
    {
        using Transformer model = SmallModels.Load(models.Write(SmallModels.Smallest, 1), precision: precision);
        int[] ids = SmallModels.Ids(1300, 64, 1);
        Sequence whole = model.NewSequence(), ended = model.NewSequence();
        float[] expected = SmallModels.Logits(model, whole, ids)[(700 * 64)..];

        // The sliding layer's ring is full by then, and the chunk that ends has written over all that it may.
        SmallModels.Logits(model, ended, ids.AsMemory(0, 700));
        EndsAt end = new(Stage.MlpNorm, 1);
        Assert.Throws<OperationCanceledException>(() =>
        {
            EndsAt observer = end;
            model.Forward([new(ended, ids.AsMemory(700, Sequence.ChunkTokens), LogitRows.None)], ref observer);
        });
        Assert.Equal(700, ended.Length);
        Bits.Equal(expected, SmallModels.Logits(model, ended, ids.AsMemory(700)), "after the pass that ended");
    }

    [Fact]
    public void Nothing_is_fed_once_cancellation_has_been_asked_for()
    {
        using Transformer model = SmallModels.Load(models.Write(SmallModels.Smallest, 1));
        Sequence sequence = model.NewSequence();
        Assert.Throws<OperationCanceledException>(() =>
        {
            CancellingObserver cancelling = new(new CancellationToken(canceled: true));
            model.Forward([new(sequence, new[] { 1, 2 }, LogitRows.Last)], ref cancelling);
        });
        Assert.Equal(0, sequence.Length);
    }

    private readonly struct EndsAt(Stage stage, int layer) : IStageObserver
    {
        public static bool IsActive => true;

        public void Observe(Stage at, int of, ReadOnlySpan<RowOrigin> origins, Rows values)
        {
            if (at == stage && of == layer)
                throw new OperationCanceledException();
        }

        public void ObserveExperts(int of, ReadOnlySpan<RowOrigin> origins, Rows router, Span<int> experts, int perToken)
        {
        }
    }
}
