using System.Diagnostics;
using System.Runtime.CompilerServices;
using GptOss.Reference.Ground;
using GptOss.Reference.Model;
using GptOss.Reference.Model.Stages;
using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Numerics.Formats;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Tests.Numerics;
using Xunit;

namespace GptOss.Reference.Tests.Model;

public class TransformerTests(SmallModels models) : IClassFixture<SmallModels>
{
    private string Smallest => models.Write(SmallModels.Smallest, 1);

    [Fact]
    public void Only_the_logits_that_are_wanted_come_back_in_the_order_of_the_batch()
    {
        using Transformer model = SmallModels.Load(Smallest);
        int[][] ids = [.. Enumerable.Range(0, 5).Select(i => SmallModels.Ids(6, 64, i))];
        float[][] all = [.. ids.Select(tokens => SmallModels.Logits(model, model.NewSequence(), tokens))];
        LogitRows[] wanted = [LogitRows.None, LogitRows.Last, LogitRows.All, LogitRows.At(new[] { 0, 3, 5 }), LogitRows.At(Array.Empty<int>())];
        Rows rows = model.Forward([.. ids.Select((tokens, i) => new BatchItem(model.NewSequence(), tokens, wanted[i]))]);
        (int, int)[] expected = [(1, 5), .. Enumerable.Range(0, 6).Select(t => (2, t)), (3, 0), (3, 3), (3, 5)];
        Assert.Equal((expected.Length, 64), (rows.Count, rows.Width));
        for (int row = 0; row < rows.Count; row++)
            Bits.Equal(all[expected[row].Item1].AsSpan(expected[row].Item2 * 64, 64), rows[row], $"row {row}");
    }

    [Fact]
    public void A_position_is_wanted_in_whichever_chunk_it_falls()
    {
        using Transformer model = SmallModels.Load(Smallest);
        int[] ids = SmallModels.Ids(1100, 64, 1), at = [0, 511, 512, 1023, 1024, 1099];
        float[] all = SmallModels.Logits(model, model.NewSequence(), ids);
        Rows rows = model.Forward(new BatchItem(model.NewSequence(), ids, LogitRows.At(at)));
        for (int row = 0; row < at.Length; row++)
            Bits.Equal(all.AsSpan(at[row] * 64, 64), rows[row], $"position {at[row]}");
        Bits.Equal(all.AsSpan(1099 * 64), model.Forward(new BatchItem(model.NewSequence(), ids, LogitRows.Last))[0], "last");
    }

    [Fact]
    public void Nothing_in_gives_nothing_out()
    {
        using Transformer model = SmallModels.Load(Smallest);
        Assert.Equal(0, model.Forward([]).Count);
        Sequence sequence = model.NewSequence();
        Assert.Equal(0, model.Forward(new BatchItem(sequence, default, LogitRows.Last)).Count);
        Assert.Equal(0, model.Forward(new BatchItem(sequence, default, LogitRows.All)).Count);
        Assert.Equal(0, sequence.Length);
    }

    [Fact]
    public void What_cannot_be_fed_is_refused_before_anything_is_changed()
    {
        using Transformer model = SmallModels.Load(models.Write(SmallModels.Short, 1)), other = SmallModels.Load(Smallest);
        Sequence sequence = model.NewSequence(), innocent = model.NewSequence();
        model.Forward(new BatchItem(sequence, new[] { 1, 2, 3 }, LogitRows.None));
        long bytes = sequence.CacheBytes;

        Refused("Token id 64 is unknown; the vocabulary has ids 0 to 63.", new BatchItem(sequence, new[] { 1, 64 }, LogitRows.Last));
        Refused("Token id -1 is unknown; the vocabulary has ids 0 to 63.", new BatchItem(sequence, new[] { -1 }, LogitRows.Last));
        Refused("22 tokens after 3 exceed the model's context of 24 positions.", new BatchItem(sequence, new int[22], LogitRows.Last));
        Refused("Item 1 of the batch has no sequence of this model.", new BatchItem(other.NewSequence(), new[] { 1 }, LogitRows.Last));
        Refused("Item 1 of the batch has no sequence of this model.", new BatchItem(null!, new[] { 1 }, LogitRows.Last));
        Refused("Items 0 and 1 of the batch are the same sequence; its tokens belong in one item.",
            new BatchItem(innocent, new[] { 1 }, LogitRows.Last));
        foreach (int[] offsets in (int[][])[[2], [1, 1], [1, 0], [-1]])
        {
            Refused($"Logits of token {offsets[^1]} are wanted; the offsets must ascend within 0…1.",
                new BatchItem(sequence, new[] { 1, 2 }, LogitRows.At(offsets)));
        }

        Assert.Equal((3, 0, bytes, 0L), (sequence.Length, innocent.Length, sequence.CacheBytes, innocent.CacheBytes));
        float[] expected = SmallModels.Logits(model, model.NewSequence(), new[] { 1, 2, 3, 4 });
        Bits.Equal(expected.AsSpan(3 * 64), SmallModels.Logits(model, sequence, new[] { 4 }), "the next token");

        // The context may be filled to its last position.
        Assert.Equal(1, model.Forward(new BatchItem(sequence, new int[20], LogitRows.Last)).Count);
        Assert.Equal(24, sequence.Length);

        void Refused(string message, BatchItem item)
        {
            string found =
                Assert.Throws<ArgumentException>(() => model.Forward(new BatchItem(innocent, new[] { 5 }, LogitRows.All), item).Count).Message;
            Assert.Equal(message, found.Replace(" (Parameter 'batch')", "", StringComparison.Ordinal));
        }
    }

    [Fact]
    public void A_disposed_model_refuses()
    {
        Transformer model = SmallModels.Load(Smallest, 2);
        Sequence sequence = model.NewSequence();
        model.Forward(new BatchItem(sequence, new[] { 1 }, LogitRows.None));
        model.Dispose();
        model.Dispose();
        Assert.Throws<ObjectDisposedException>(() => model.Forward(new BatchItem(sequence, new[] { 1 }, LogitRows.None)).Count);
        Assert.Throws<CheckpointFormatException>(() => Transformer.Load(Path.Combine(Smallest, "missing")));
    }

    [Fact]
    public void A_width_that_the_machine_lacks_is_refused_and_leaves_no_threads_behind()
    {
        using var process = Process.GetCurrentProcess();
        int before = process.Threads.Count;
        foreach (RegisterWidth width in (RegisterWidth[])[.. Enum.GetValues<RegisterWidth>().Where(w => !w.IsSupported()), (RegisterWidth)7])
            Assert.Throws<PlatformNotSupportedException>(() => SmallModels.Load(Smallest, threads: 300, width: width));

        // Other tests start and end threads of their own, but not so many.
        int left = int.MaxValue;
        for (int i = 0; i < 100 && left >= 150; i++)
        {
            Thread.Sleep(50);
            process.Refresh();
            left = process.Threads.Count - before;
        }
        Assert.True(left < 150, $"{left} threads more than before.");
    }

    [Fact]
    public void A_scale_that_is_not_a_number_is_refused_when_its_expert_is_chosen_and_not_before()
    {
        using Transformer sound = SmallModels.Load(Smallest);
        int[] ids = [3];
        Choices seen = new([]);
        float[] expected = [.. sound.Forward([new BatchItem(sound.NewSequence(), ids, LogitRows.Last)], ref seen)[0]];
        int[] chosen = [.. seen.Experts.Where(e => e.Layer == 1).Select(e => e.Expert)];
        foreach ((string tensor, int rows) in new[] { ("mlp1_weight", 64), ("mlp2_weight", 32) })
        {
            for (int expert = 0; expert < 4; expert++)
            {
                string folder = models.Patch(Smallest, $"block.1.mlp.{tensor}.scales", expert * rows + 5, [Mxfp4.NaNScale]);
                using Transformer model = SmallModels.Load(folder);
                Sequence sequence = model.NewSequence();
                if (!chosen.Contains(expert))
                {
                    Bits.Equal(expected, model.Forward(new BatchItem(sequence, ids, LogitRows.Last))[0], $"expert {expert} unchosen");
                    continue;
                }
                CheckpointFormatException e =
                    Assert.Throws<CheckpointFormatException>(() => model.Forward(new BatchItem(sequence, ids, LogitRows.Last)).Count);
                Assert.Equal($"model.safetensors: tensor 'block.1.mlp.{tensor}.scales' has the scale 255 at byte {expert * rows + 5}; E8M0 scales " +
                    $"of weights go from 0 to 254.", e.Message);
                Assert.Equal("mxfp4-scale", e.Rule);
                Assert.Equal(0, sequence.Length);

                // It is refused again, not only the first time.
                Assert.Throws<CheckpointFormatException>(() => model.Forward(new BatchItem(sequence, ids, LogitRows.Last)).Count);
            }
        }
    }

    [Theory]
    [InlineData(Precision.Float32)]
    [InlineData(Precision.Bfloat16)]
    public void A_weight_that_is_not_a_number_reaches_the_logits_without_a_crash(Precision precision)
    {
        foreach ((string tensor, int bits, bool spreads) in new[]
        {
            ("block.0.attn.qkv.weight", 0x7FC0, true), ("block.0.attn.sinks", 0x7F80, true), ("block.1.mlp.mlp1_bias", 0xFF80, true),
            ("block.1.mlp.gate.bias", 0xFFC1, false),      // an expert whose logit is NaN is never chosen before another
        })
        {
            string folder = models.Patch(Smallest, tensor, 0, [(byte)bits, (byte)(bits >> 8)]);
            List<string> hashes = [];
            foreach (RegisterWidth width in Enum.GetValues<RegisterWidth>().Where(w => w.IsSupported()))
            {
                using Transformer model = SmallModels.Load(folder, 2, width, precision);
                float[] logits = SmallModels.Logits(model, model.NewSequence(), SmallModels.Ids(20, 64, 1));
                Assert.Equal(spreads, logits.Any(float.IsNaN));
                hashes.Add(SmallModels.Hash(logits));
            }
            Assert.Single(hashes.Distinct());      // every NaN is one, at every width
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void A_decoded_token_allocates_nothing(int threads)
    {
        using Transformer model = SmallModels.Load(models.ShapeBase, threads);
        Sequence sequence = model.NewSequence();
        LogitsBuffer logits = new();
        model.Forward(new BatchItem(sequence, SmallModels.BaseIds, LogitRows.Last), logits, TestContext.Current.CancellationToken);
        int[] token = [7];
        for (int i = 0; i < 60; i++)
            model.Forward(new BatchItem(sequence, token, LogitRows.Last), logits, TestContext.Current.CancellationToken);

        // Other tests allocate at the same time on their threads: the quietest of many single tokens counts. No page begins among them.
        long least = long.MaxValue;
        for (int i = 0; i < 100; i++)
        {
            long before = threads == 1 ? GC.GetAllocatedBytesForCurrentThread() : GC.GetTotalAllocatedBytes(precise: true);
            model.Forward(new BatchItem(sequence, token, LogitRows.Last), logits, TestContext.Current.CancellationToken);
            least = Math.Min(least, (threads == 1 ? GC.GetAllocatedBytesForCurrentThread() : GC.GetTotalAllocatedBytes(precise: true)) - before);
        }
        Assert.Equal(0, least);
        Assert.Equal(200, sequence.Length);
    }

    [Fact]
    public void A_sequence_without_references_is_collected()
    {
        // Its cache may take gigabytes; a model kept it alive as long as no prompt of that length followed.
        using Transformer model = SmallModels.Load(Smallest, 2);
        WeakReference sequence = FeedAndDrop(model), failed = FailAndDrop(model);
        model.Forward(new BatchItem(model.NewSequence(), new[] { 1 }, LogitRows.Last));
        GC.Collect();
        Assert.False(sequence.IsAlive);
        Assert.False(failed.IsAlive);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static WeakReference FeedAndDrop(Transformer model)
    {
        Sequence sequence = model.NewSequence();
        model.Forward(new BatchItem(sequence, new int[600], LogitRows.All));
        return new(sequence);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static WeakReference FailAndDrop(Transformer model)
    {
        Sequence sequence = model.NewSequence();
        Failing failing = default;
        Assert.Throws<InvalidOperationException>(() => model.Forward([new BatchItem(sequence, new int[100], LogitRows.All)], ref failing).Count);
        Assert.Equal(0, sequence.Length);
        return new(sequence);
    }

    private readonly struct Failing : IStageObserver
    {
        public static bool IsActive => true;

        public void Observe(Stage stage, int layer, ReadOnlySpan<RowOrigin> origins, Rows values) => throw new InvalidOperationException("enough");

        public void ObserveExperts(int layer, ReadOnlySpan<RowOrigin> origins, Rows router, Span<int> chosen, int perToken)
        {
        }
    }

    private readonly struct Choices(List<(int Layer, int Expert)> experts) : IStageObserver
    {
        public static bool IsActive => true;

        internal List<(int Layer, int Expert)> Experts => experts;

        public void Observe(Stage stage, int layer, ReadOnlySpan<RowOrigin> origins, Rows values)
        {
        }

        public void ObserveExperts(int layer, ReadOnlySpan<RowOrigin> origins, Rows router, Span<int> chosen, int perToken)
        {
            foreach (int expert in chosen)
                experts.Add((layer, expert));
        }
    }
}
