using GptOss.Reference.Model;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Tests.Numerics;
using Xunit;

namespace GptOss.Reference.Tests.Model;

[Trait("Category", "Numeric")]
public class SequenceTests(SmallModels models) : IClassFixture<SmallModels>
{
    private const int Window = 8, Ring = Window + Sequence.ChunkTokens;

    [Theory]
    [InlineData(Precision.Float32)]
    [InlineData(Precision.Bfloat16)]
    public void After_a_reused_prefix_the_logits_are_those_of_a_fresh_run(Precision precision)
    {
        using Transformer model = SmallModels.Load(models.ShapeBase, precision: precision);
        int[] first = SmallModels.BaseIds, second = [.. first[..25], .. SmallModels.Ids(12, 512, 9)];
        float[] fresh = SmallModels.Logits(model, model.NewSequence(), second);
        foreach (int kept in new[] { 0, 1, 15, 16, 17, 24, 25 })
        {
            Sequence sequence = model.NewSequence();
            SmallModels.Logits(model, sequence, first);
            Assert.Equal(kept, sequence.Truncate(kept));
            Assert.Equal(kept, sequence.Length);
            Bits.Equal(fresh.AsSpan(kept * 512), SmallModels.Logits(model, sequence, second.AsMemory(kept), 3), $"after {kept} tokens");
        }
    }

    [Theory]
    [InlineData(519, 400, 400)]       // the ring holds everything still
    [InlineData(520, 0, 0)]
    [InlineData(521, 521, 521)]
    [InlineData(521, 8, 8)]           // position 0 is gone; the window before 8 begins at 1
    [InlineData(521, 7, 0)]           // it would begin at 0
    [InlineData(1300, 787, 787)]      // positions 780 … 1299 are held
    [InlineData(1300, 786, 0)]
    [InlineData(1300, 1299, 1299)]
    [InlineData(1300, 1, 0)]
    [Trait("Speed", "Slow")]
    public void After_a_truncation_the_logits_are_those_of_a_fresh_run_wherever_the_ring_stands(int length, int wanted, int expected)
    {
        using Transformer model = SmallModels.Load(models.Write(SmallModels.Smallest, 1), 2);
        int[] ids = SmallModels.Ids(length, 64, 1), more = SmallModels.Ids(40, 64, 2);
        Sequence sequence = model.NewSequence();
        model.Forward(new BatchItem(sequence, ids, LogitRows.None));
        Assert.Equal(expected, sequence.Truncate(wanted));
        Assert.Equal(expected, sequence.Length);
        float[] found = SmallModels.Logits(model, sequence, more, 1, 30, 2);

        Sequence fresh = model.NewSequence();
        model.Forward(new BatchItem(fresh, ids.AsMemory(0, expected), LogitRows.None));
        Bits.Equal(SmallModels.Logits(model, fresh, more), found, $"{length} tokens, back to {expected}");
    }

    [Fact, Trait("Speed", "Slow")]
    public void Going_back_and_on_again_and_again_never_mixes_old_keys_in()
    {
        using Transformer model = SmallModels.Load(models.Write(SmallModels.Smallest, 1));
        Random random = new(4);
        Sequence sequence = model.NewSequence();
        List<int> ids = [];
        for (int turn = 0; turn < 12; turn++)
        {
            int wanted = Math.Max(0, ids.Count - random.Next(0, turn % 3 == 2 ? 600 : 20));
            int length = sequence.Truncate(wanted);
            Assert.True(length == wanted || length == 0);
            ids.RemoveRange(length, ids.Count - length);
            int[] more = SmallModels.Ids(random.Next(1, 400), 64, turn);
            float[] found = SmallModels.Logits(model, sequence, more, 1 + random.Next(300));
            ids.AddRange(more);
            Bits.Equal(SmallModels.Logits(model, model.NewSequence(), ids.ToArray()).AsSpan(length * 64), found, $"turn {turn}, from {length}");
        }
    }

    [Fact]
    public void A_truncation_beyond_the_sequence_is_refused()
    {
        using Transformer model = SmallModels.Load(models.Write(SmallModels.Smallest, 1));
        Sequence sequence = model.NewSequence();
        model.Forward(new BatchItem(sequence, new[] { 1, 2 }, LogitRows.None));
        Assert.Throws<ArgumentOutOfRangeException>(() => sequence.Truncate(-1));
        Assert.Throws<ArgumentOutOfRangeException>(() => sequence.Truncate(3));
        Assert.Equal(2, sequence.Length);
        Assert.Equal(2, sequence.Truncate(2));
    }

    [Theory]
    [InlineData(Precision.Float32, 4)]
    [InlineData(Precision.Bfloat16, 2)]
    public void The_cache_takes_a_ring_in_sliding_layers_and_pages_of_64_positions_everywhere(Precision precision, int bytes)
    {
        using Transformer model = SmallModels.Load(models.Write(SmallModels.Smallest, 1), precision: precision);
        Sequence sequence = model.NewSequence();
        Assert.Equal(0, sequence.CacheBytes);
        int fed = 0;
        foreach (int length in new[] { 1, 64, 65, 512, 513, 520, 1024, 1025 })
        {
            int needed = (int)sequence.BytesToExtend(length - fed), before = (int)model.CacheMemory.Held;
            model.Forward(new BatchItem(sequence, new int[length - fed], LogitRows.None));
            fed = length;
            // keys and values of 32 channels
            Assert.Equal((Pages(Math.Min(length, Ring)) + Pages(length)) * 64 * 2 * 32 * bytes, sequence.CacheBytes);
            Assert.Equal(sequence.CacheBytes, model.CacheMemory.Held);
            Assert.Equal(before + needed, model.CacheMemory.Held);
        }
        sequence.Truncate(0);
        Assert.Equal((Pages(Ring) + Pages(1025)) * 64 * 2 * 32 * bytes, sequence.CacheBytes);      // kept for the next turn
        sequence.Dispose();
        sequence.Dispose();
        Assert.Equal((0, 0), (sequence.CacheBytes, model.CacheMemory.Held));

        static int Pages(int positions) => (positions + 63) / 64;
    }

    [Fact]
    public void A_context_that_a_ring_would_not_shorten_is_kept_whole()
    {
        using Transformer model = SmallModels.Load(models.Write(SmallModels.Short, 1));
        Assert.Equal(24, model.Config.MaxPositions);
        Sequence sequence = model.NewSequence();
        model.Forward(new BatchItem(sequence, new int[24], LogitRows.None));
        Assert.Equal(2 * 64 * 2 * 32 * 4, sequence.CacheBytes);
        for (int length = 24; length >= 0; length -= 5)
            Assert.Equal(length, sequence.Truncate(length));
    }

    [Theory]
    [InlineData(Precision.Float32, 3)]        // the window of the mark is not full
    [InlineData(Precision.Float32, 300)]
    [InlineData(Precision.Float32, 523)]      // it wraps round the end of the ring
    [InlineData(Precision.Float32, 700)]
    [InlineData(Precision.Bfloat16, 523)]
    public void Back_at_a_mark_the_logits_are_those_of_a_fresh_run_however_far_the_ring_went(Precision precision, int marked)
    {
        using Transformer model = SmallModels.Load(models.Write(SmallModels.Smallest, 1), precision: precision);
        int[] ids = SmallModels.Ids(marked, 64, 1), more = SmallModels.Ids(60, 64, 3);
        Sequence sequence = model.NewSequence();
        model.Forward(new BatchItem(sequence, ids, LogitRows.None));
        sequence.Mark();
        Sequence fresh = model.NewSequence();
        model.Forward(new BatchItem(fresh, ids, LogitRows.None));
        float[] expected = SmallModels.Logits(model, fresh, more);
        for (int round = 0; round < 2; round++)                    // a mark serves more than once
        {
            model.Forward(new BatchItem(sequence, SmallModels.Ids(1100, 64, 2 + round), LogitRows.None));
            Assert.Equal(marked, sequence.Truncate(marked + (round == 0 ? 0 : 40)));
            Assert.Equal([marked], sequence.Marks);
            Bits.Equal(expected, SmallModels.Logits(model, sequence, more, 1, 30), $"mark at {marked}, round {round}");
        }
    }

    [Fact]
    public void Sixteen_marks_are_kept_and_those_beyond_a_truncation_are_forgotten()
    {
        using Transformer model = SmallModels.Load(models.Write(SmallModels.Smallest, 1));
        Sequence sequence = model.NewSequence();
        sequence.Mark();                                            // nothing to remember yet
        Assert.Empty(sequence.Marks);
        for (int i = 1; i <= 18; i++)
        {
            model.Forward(new BatchItem(sequence, new int[10], LogitRows.None));
            sequence.Mark();
            sequence.Mark();
        }
        Assert.Equal(Enumerable.Range(3, 16).Select(i => 10 * i), sequence.Marks);
        // all but the last: the page of the window as it was before the next token was written
        Assert.Equal(15 * 64 * 2 * 32 * 4, sequence.MarkBytes);
        model.Forward(new BatchItem(sequence, new int[1000], LogitRows.None));
        Assert.InRange(sequence.MarkBytes, 3 * 64 * 2 * 32 * 4, 20 * 64 * 2 * 32 * 4);
        Assert.Equal(90, sequence.Truncate(99));
        Assert.Equal([30, 40, 50, 60, 70, 80, 90], sequence.Marks);
        model.Forward(new BatchItem(sequence, new int[1000], LogitRows.None));
        Assert.Equal(0, sequence.Truncate(29));                     // 20 was marked, but long ago
        Assert.Empty(sequence.Marks);
        Assert.Equal(0, sequence.MarkBytes);
    }

    [Fact]
    public void Going_back_to_marks_and_on_again_and_again_never_mixes_old_keys_in()
    {
        using Transformer model = SmallModels.Load(models.Write(SmallModels.Smallest, 1));
        Random random = new(5);
        Sequence sequence = model.NewSequence();
        List<int> ids = [];
        for (int turn = 0; turn < 14; turn++)
        {
            int wanted = Math.Max(0, ids.Count - random.Next(0, turn % 3 == 2 ? 900 : 20));
            bool isMarked = sequence.Marks.Contains(wanted);
            int length = sequence.Truncate(wanted);
            Assert.True(length == wanted || !isMarked && (length == 0 || sequence.Marks[^1] == length), $"turn {turn}: {length} for {wanted}");
            ids.RemoveRange(length, ids.Count - length);
            int[] more = SmallModels.Ids(random.Next(1, 400), 64, turn);
            float[] found = SmallModels.Logits(model, sequence, more, 1 + random.Next(300));
            ids.AddRange(more);
            sequence.Mark();
            Bits.Equal(SmallModels.Logits(model, model.NewSequence(), ids.ToArray()).AsSpan(length * 64), found, $"turn {turn}, from {length}");
        }
    }

    [Fact]
    public void A_model_without_rings_needs_no_copies()
    {
        using Transformer model = SmallModels.Load(models.Write(SmallModels.Short, 1));
        Sequence sequence = model.NewSequence();
        model.Forward(new BatchItem(sequence, new int[20], LogitRows.None));
        sequence.Mark();
        Assert.Equal(0, sequence.MarkBytes);
        Assert.Equal(20, sequence.Truncate(20));
    }
}
