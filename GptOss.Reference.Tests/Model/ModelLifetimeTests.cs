using System.Diagnostics;
using System.Runtime.CompilerServices;
using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Ground;
using GptOss.Reference.Model;
using GptOss.Reference.Model.Stages;
using GptOss.Reference.Tests.Numerics;
using Xunit;

namespace GptOss.Reference.Tests.Model;

public class ModelLifetimeTests(SmallModels models) : IClassFixture<SmallModels>
{
    private string Smallest => models.Write(SmallModels.Smallest, 1);

    [Fact]
    public void A_model_that_was_not_disposed_is_collected_and_its_threads_end()
    {
        using var process = Process.GetCurrentProcess();
        int before = process.Threads.Count;
        WeakReference model = RunAndDrop();

        // Other tests start and end threads of their own, but not so many.
        int left = int.MaxValue;
        for (int i = 0; i < 100 && (left >= 150 || model.IsAlive); i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            Thread.Sleep(50);
            process.Refresh();
            left = process.Threads.Count - before;
        }
        Assert.False(model.IsAlive);
        Assert.True(left < 150, $"{left} threads more than before.");
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private WeakReference RunAndDrop()
    {
        Transformer model = SmallModels.Load(Smallest, threads: 300);
        Assert.Equal(1, model.Forward(new BatchItem(model.NewSequence(), new[] { 1, 2 }, LogitRows.Last)).Count);
        return new(model);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void A_variant_ends_with_the_model_whose_weights_it_uses(int threads)
    {
        Transformer model = SmallModels.Load(Smallest, threads);
        Transformer variant = model.With(ModelVariant.Sound), second = variant.With(ModelVariant.Sound);
        Sequence sequence = variant.NewSequence(), other = second.NewSequence();
        Bits.Equal(SmallModels.Logits(model, model.NewSequence(), new[] { 3 }), SmallModels.Logits(variant, sequence, new[] { 3 }), "sound");
        model.Dispose();
        foreach ((Transformer ended, Sequence of) in new[] { (variant, sequence), (second, other) })
        {
            Assert.Throws<ObjectDisposedException>(() => ended.Forward(new BatchItem(of, new[] { 1 }, LogitRows.Last)).Count);
            Assert.Throws<ObjectDisposedException>(() => ended.Unembed(new(new float[32], 1, 32, 32), new(new float[64], 1, 64, 64)));
        }
    }

    [Fact]
    public async Task A_model_is_not_disposed_under_a_variant_s_pass()
    {
        Transformer model = SmallModels.Load(Smallest, 2);
        Transformer variant = model.With(ModelVariant.Sound);
        float[] expected = SmallModels.Logits(model, model.NewSequence(), SmallModels.Ids(900, 64, 1));
        using var running = new ManualResetEventSlim();
        Task<float[]> pass = Task.Run(() =>
        {
            Slow observer = new(running);
            LogitsBuffer logits = new();
            variant.Forward([new(variant.NewSequence(), SmallModels.Ids(900, 64, 1), LogitRows.Last)], logits, ref observer);
            return logits[0].ToArray();
        }, TestContext.Current.CancellationToken);
        running.Wait(TestContext.Current.CancellationToken);
        model.Dispose();
        float[] found = await pass;
        Bits.Equal(expected.AsSpan(899 * 64), found, "the pass that was running");
    }

    [Fact]
    public void Preloading_is_an_option_of_loading_and_changes_no_bit()
    {
        using Transformer mapped = SmallModels.Load(Smallest);
        using var copied = Transformer.Load(Smallest, new() { Threads = 1, Preload = true });
        Bits.Equal(SmallModels.Logits(mapped, mapped.NewSequence(), new[] { 3, 4 }), SmallModels.Logits(copied, copied.NewSequence(), new[] { 3, 4 }),
            "preloaded");
        Assert.Throws<OperationCanceledException>(() => Transformer.Load(Smallest, new() { Preload = true, Cancellation = new(canceled: true) }));
    }

    [Fact]
    public void A_wide_model_takes_fewer_tokens_at_a_time_and_no_buffer_outgrows_its_count()
    {
        Assert.Equal(Sequence.ChunkTokens, ModelLimits.ChunkTokens(PublishedShapes.Gpt120b));
        GptOssConfig wide = PublishedShapes.Gpt20b with { HiddenSize = 65536, IntermediateSize = 2048, NumExperts = 4096, ExpertsPerToken = 64 };
        int tokens = ModelLimits.ChunkTokens(wide);
        Assert.InRange(tokens, 1, Sequence.ChunkTokens - 1);
        Assert.InRange(tokens * ExpertBlock.ScratchFloats(wide), 1, 1L << 30);
        Assert.InRange((tokens + 1) * ExpertBlock.ScratchFloats(wide), 1L << 30, long.MaxValue);
    }

    [Fact]
    public void Heads_and_positions_that_together_have_more_scores_than_a_buffer_holds_are_refused_when_loading()
    {
        GptOssConfig config = PublishedShapes.Gpt20b with { NumAttentionHeads = 1024, NumKeyValueHeads = 8, MaxPositions = 1 << 21 };
        CheckpointFormatException e = Assert.Throws<CheckpointFormatException>(() => ModelLimits.Require(config, "folder"));
        Assert.Equal("config.json: 1024 attention heads over 2097152 positions make 2147483648 scores for one token; at most " +
            "1073741824 are computed at once.", e.Message);
        ModelLimits.Require(config with { MaxPositions = 1 << 20 }, "folder");
    }

    /// <summary>Gives whoever disposes the model time to do harm.</summary>
    private readonly struct Slow(ManualResetEventSlim running) : IStageObserver
    {
        public static bool IsActive => true;

        public void Observe(Stage stage, int layer, ReadOnlySpan<RowOrigin> origins, GptOss.Reference.Numerics.Buffers.Rows values)
        {
            running.Set();
            Thread.Sleep(5);
        }

        public void ObserveExperts(int layer, ReadOnlySpan<RowOrigin> origins, GptOss.Reference.Numerics.Buffers.Rows router, Span<int> experts,
            int perToken)
        {
        }
    }
}
