using System.Runtime.CompilerServices;
using FsCheck;
using FsCheck.Fluent;
using GptOss.Reference.Model;
using GptOss.Reference.Numerics.Caches;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Tests.Numerics;
using Xunit;

namespace GptOss.Reference.Tests.Model;

public class ForkTests(SmallModels models) : IClassFixture<SmallModels>
{
    [Theory]
    [InlineData(Precision.Float32)]
    [InlineData(Precision.Bfloat16)]
    public void However_sequences_fork_mark_go_back_and_share_passes_each_has_the_bits_of_a_run_alone(Precision precision)
    {
        using Transformer model = SmallModels.Load(models.Write(SmallModels.Smallest, 1), precision: precision);
        Gen<(int Action, int Whom, int Much)[]> steps = Gen.ArrayOf(
            from action in Gen.Choose(0, 9) from whom in Gen.Choose(0, 1000) from much in Gen.Choose(0, 1000) select (action, whom, much), 16);
        Prop.ForAll(steps.ToArbitrary(), taken =>
        {
            Family family = new(model);
            foreach ((int action, int whom, int much) in taken)
                family.Step(action, whom, much);
            family.DisposeAll();
            Assert.Equal(0, model.CacheMemory.Held);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(25));
    }

    [Fact]
    public void A_fork_takes_no_memory_until_one_of_the_two_is_fed()
    {
        using Transformer model = SmallModels.Load(models.Write(SmallModels.Smallest, 1));
        using Sequence sequence = model.NewSequence();
        model.Forward(new BatchItem(sequence, SmallModels.Ids(1000, 64, 1), LogitRows.None));
        sequence.Mark();
        long alone = model.CacheMemory.Held;
        Sequence[] forks = [.. Enumerable.Range(0, 8).Select(_ => sequence.Fork())];
        Assert.Equal(alone, model.CacheMemory.Held);
        Assert.All(forks, fork => Assert.Equal((1000, sequence.CacheBytes), (fork.Length, fork.CacheBytes)));
        Assert.Equal([1000], forks[7].Marks);

        // One page of each layer is copied for the next token.
        Assert.Equal(2 * model.CacheMemory.PageBytes, forks[0].BytesToExtend(1));
        model.Forward(new BatchItem(forks[0], new[] { 1 }, LogitRows.None));
        Assert.Equal(alone + 2 * model.CacheMemory.PageBytes, model.CacheMemory.Held);
        foreach (Sequence fork in forks)
            fork.Dispose();
        Assert.Equal(alone, model.CacheMemory.Held);
    }

    [Fact]
    public void Choices_that_share_a_prompt_say_what_each_says_alone()
    {
        using Transformer model = SmallModels.Load(models.Write(SmallModels.Smallest, 1));
        int[] prompt = SmallModels.Ids(700, 64, 1);
        using Sequence shared = model.NewSequence();
        model.Forward(new BatchItem(shared, prompt, LogitRows.None));
        Sequence[] choices = [.. Enumerable.Range(0, 4).Select(_ => shared.Fork())];
        List<int>[] said = [.. choices.Select(_ => new List<int>())];
        for (int step = 0; step < 90; step++)
        {
            LogitsBuffer logits = new();
            int[] next = [.. choices.Select((_, i) => (step * (i + 3) + i) % 64)];
            model.Forward([.. choices.Select((choice, i) => new BatchItem(choice, new[] { next[i] }, LogitRows.Last))], logits,
                TestContext.Current.CancellationToken);
            for (int i = 0; i < 4; i++)
                said[i].Add(next[i]);
            if (step % 30 != 29)
                continue;
            for (int i = 0; i < 4; i++)
            {
                Bits.Equal(SmallModels.Logits(model, model.NewSequence(), (int[])[.. prompt, .. said[i]]).AsSpan()[^64..].ToArray(), logits[i],
                    $"choice {i}, step {step}");
            }
        }
    }

    [Fact]
    public void What_would_exceed_the_memory_is_refused_before_anything_is_fed_and_fits_once_others_are_gone()
    {
        string folder = models.Write(SmallModels.Smallest, 1);
        const int page = 64 * 2 * 32 * 4;
        using var model = Transformer.Load(folder, new() { Threads = 1, CacheBytes = 12 * page });
        using Sequence first = model.NewSequence(), second = model.NewSequence();
        model.Forward(new BatchItem(first, new int[256], LogitRows.None));                       // 4 pages in each of two layers
        Assert.Equal(8 * page, model.CacheMemory.Held);
        Assert.Equal($"{6 * page} more bytes of keys and values are needed; {8 * page} of at most {12 * page} are held.",
            Assert.Throws<CacheFullException>(() =>
                model.Forward(new BatchItem(first, new int[1], LogitRows.None), new BatchItem(second, new int[70], LogitRows.None)).Count).Message);
        Assert.Equal((256, 0, 8 * page), (first.Length, second.Length, model.CacheMemory.Held));
        model.Forward(new BatchItem(second, new int[70], LogitRows.None));
        first.Dispose();
        Assert.Equal(4 * page, model.CacheMemory.Held);
        float[] found = SmallModels.Logits(model, second, SmallModels.Ids(100, 64, 1));
        Bits.Equal(SmallModels.Logits(model, model.NewSequence(), (int[])[.. new int[70], .. SmallModels.Ids(100, 64, 1)]).AsSpan(70 * 64), found,
            "on used pages");
    }

    [Fact]
    public void A_sequence_returns_its_pages_when_it_is_collected()
    {
        using Transformer model = SmallModels.Load(models.Write(SmallModels.Smallest, 1));
        using Sequence kept = model.NewSequence();
        model.Forward(new BatchItem(kept, new int[100], LogitRows.None));
        long alone = model.CacheMemory.Held;
        Drop(model, kept);
        Assert.NotEqual(alone, model.CacheMemory.Held);
        for (int i = 0; i < 50 && model.CacheMemory.Held != alone; i++)
        {
            model.Forward(new BatchItem(model.NewSequence(), new[] { 1 }, LogitRows.None));
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
        Assert.InRange(model.CacheMemory.Held, alone, alone + 2 * model.CacheMemory.PageBytes);
    }

    [Fact]
    public void A_disposed_sequence_is_refused()
    {
        using Transformer model = SmallModels.Load(models.Write(SmallModels.Smallest, 1));
        Sequence sequence = model.NewSequence();
        model.Forward(new BatchItem(sequence, new int[10], LogitRows.None));
        sequence.Dispose();
        Assert.Throws<ObjectDisposedException>(() => model.Forward(new BatchItem(sequence, new int[1], LogitRows.None)).Count);
        Assert.Throws<ObjectDisposedException>(sequence.Fork);
        Assert.Throws<ObjectDisposedException>(sequence.Mark);
        Assert.Throws<ObjectDisposedException>(() => sequence.Truncate(0));
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Drop(Transformer model, Sequence kept)
    {
        Sequence fork = kept.Fork();
        model.Forward(new BatchItem(fork, new int[1000], LogitRows.None));
        fork.Mark();
    }

    /// <summary>Sequences that come from each other, with the ids that each was fed.</summary>
    private sealed class Family(Transformer model)
    {
        private const int Most = 1500;

        private readonly List<(Sequence Sequence, List<int> Ids)> _members = [(model.NewSequence(), [])];

        internal void Step(int action, int whom, int much)
        {
            (Sequence sequence, List<int> ids) = _members[whom % _members.Count];
            switch (action)
            {
                case 0 or 1:
                    _members.Add((sequence.Fork(), [.. ids]));
                    break;
                case 2:
                    sequence.Mark();
                    break;
                case 3 or 4:
                    int length = sequence.Truncate(much % 3 == 0 ? ids.Count * much / 1000 : Math.Max(0, ids.Count - much % 20));
                    ids.RemoveRange(length, ids.Count - length);
                    break;
                case 5 when _members.Count > 1:
                    sequence.Dispose();
                    _members.RemoveAt(whom % _members.Count);
                    break;
                default:
                    Feed(action == 9 ? [.. _members] : [(sequence, ids)], action == 6 ? 1 + much % 700 : 1 + much % 5, much);
                    break;
            }
        }

        internal void DisposeAll()
        {
            foreach ((Sequence sequence, _) in _members)
                sequence.Dispose();
        }

        private void Feed((Sequence Sequence, List<int> Ids)[] who, int tokens, int seed)
        {
            int[] more = SmallModels.Ids(tokens, 64, seed);
            who = [.. who.Where(member => member.Ids.Count + tokens <= Most)];
            BatchItem[] batch =
                [.. who.Select((member, i) => new BatchItem(member.Sequence, more.Select(id => (id + i) % 64).ToArray(), LogitRows.Last))];
            LogitsBuffer logits = new();
            model.Forward(batch, logits, TestContext.Current.CancellationToken);
            for (int i = 0; i < who.Length; i++)
            {
                who[i].Ids.AddRange(batch[i].Tokens.Span);
                using Sequence alone = model.NewSequence();
                Bits.Equal(model.Forward(new BatchItem(alone, who[i].Ids.ToArray(), LogitRows.Last))[0].ToArray(), logits[i],
                    $"member {i} at {who[i].Ids.Count}");
            }
        }
    }
}
