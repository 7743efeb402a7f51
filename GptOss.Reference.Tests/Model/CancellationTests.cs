using GptOss.Cli.Options;
using GptOss.Reference.Model;
using GptOss.Reference.Model.Stages;
using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Tests.Numerics;
using Xunit;

namespace GptOss.Reference.Tests.Model;

public class CancellationTests(SmallModels models) : IClassFixture<SmallModels>
{
    [Theory]
    [InlineData(Precision.Float32)]
    [InlineData(Precision.Bfloat16)]
    public void A_pass_that_is_cancelled_in_the_middle_of_a_chunk_leaves_its_sequence_where_it_was(Precision precision)
    {
        using Transformer model = SmallModels.Load(models.Write(SmallModels.Smallest, 1), precision: precision);
        int[] ids = SmallModels.Ids(1300, 64, 1);
        Sequence whole = model.NewSequence(), ended = model.NewSequence();
        float[] expected = SmallModels.Logits(model, whole, ids)[(700 * 64)..];

        // The sliding layer's ring is full by then, and the chunk that ends has written over all that it may.
        SmallModels.Logits(model, ended, ids.AsMemory(0, 700));
        using var cancellation = new CancellationTokenSource();
        CancelsAt observer = new(cancellation, Stage.AttentionResidual, 1, []);
        LogitsBuffer logits = new();
        Assert.Throws<OperationCanceledException>(() =>
        {
            CancelsAt copy = observer;
            model.Forward([new(ended, ids.AsMemory(700, Sequence.ChunkTokens), LogitRows.Last)], logits, ref copy, cancellation.Token);
        });
        Assert.Equal([(Stage.AttentionResidual, 1)], observer.After);                 // no stage of the block that would have followed
        Assert.Equal((700, 0), (ended.Length, logits.Count));
        Bits.Equal(expected, SmallModels.Logits(model, ended, ids.AsMemory(700)), "after the pass that ended");
    }

    [Fact]
    public void Chunks_that_were_finished_before_a_cancellation_stay()
    {
        using Transformer model = SmallModels.Load(models.Write(SmallModels.Smallest, 1));
        int[] ids = SmallModels.Ids(1300, 64, 1);
        Sequence sequence = model.NewSequence();
        using var cancellation = new CancellationTokenSource();
        Assert.Throws<OperationCanceledException>(() =>
        {
            CancelsAt observer = new(cancellation, Stage.MlpResidual, 1, []);
            model.Forward([new(sequence, ids, LogitRows.None)], new(), ref observer, cancellation.Token);
        });
        Assert.Equal(Sequence.ChunkTokens, sequence.Length);
        float[] expected = SmallModels.Logits(model, model.NewSequence(), ids);
        Bits.Equal(expected.AsSpan(512 * 64), SmallModels.Logits(model, sequence, ids.AsMemory(512)), "the rest");
    }

    [Fact]
    public void Nothing_is_fed_once_cancellation_is_requested()
    {
        using Transformer model = SmallModels.Load(models.Write(SmallModels.Smallest, 1));
        Sequence sequence = model.NewSequence();
        Assert.Throws<OperationCanceledException>(() =>
            model.Forward(new BatchItem(sequence, new[] { 1, 2 }, LogitRows.Last), new(), new CancellationToken(canceled: true)).Count);
        Assert.Equal(0, sequence.Length);
    }

    [Fact]
    public async Task A_caller_that_waits_for_another_s_pass_can_be_cancelled()
    {
        using Transformer model = SmallModels.Load(models.Write(SmallModels.Smallest, 1));
        using var release = new ManualResetEventSlim();
        using var running = new ManualResetEventSlim();
        var other = Task.Run(() =>
        {
            Holds observer = new(running, release);
            model.Forward([new(model.NewSequence(), new[] { 1 }, LogitRows.Last)], new(), ref observer);
        }, TestContext.Current.CancellationToken);
        running.Wait(TestContext.Current.CancellationToken);
        using var cancellation = new CancellationTokenSource(50);
        Sequence sequence = model.NewSequence();
        Assert.Throws<OperationCanceledException>(() =>
            model.Forward(new BatchItem(sequence, new[] { 1 }, LogitRows.Last), new(), cancellation.Token).Count);
        Assert.False(other.IsCompleted);
        release.Set();
        await other;
        Assert.Equal(1, model.Forward(new BatchItem(sequence, new[] { 1 }, LogitRows.Last)).Count);
    }

    /// <summary>Cancels at a stage and lists it and what follows.</summary>
    private readonly struct CancelsAt(CancellationTokenSource cancellation, Stage stage, int layer, List<(Stage, int)> after) : IStageObserver
    {
        public static bool IsActive => true;

        internal List<(Stage Stage, int Layer)> After => after;

        public void Observe(Stage at, int of, ReadOnlySpan<RowOrigin> origins, Rows values)
        {
            if (after.Count > 0 || at == stage && of == layer)
                after.Add((at, of));
            if (at == stage && of == layer)
                cancellation.Cancel();
        }

        public void ObserveExperts(int of, ReadOnlySpan<RowOrigin> origins, Rows router, Span<int> experts, int perToken)
        {
        }
    }

    private readonly struct Holds(ManualResetEventSlim running, ManualResetEventSlim release) : IStageObserver
    {
        public static bool IsActive => true;

        public void Observe(Stage at, int of, ReadOnlySpan<RowOrigin> origins, Rows values)
        {
            running.Set();
            release.Wait();
        }

        public void ObserveExperts(int of, ReadOnlySpan<RowOrigin> origins, Rows router, Span<int> experts, int perToken)
        {
        }
    }
}
