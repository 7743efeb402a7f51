using GptOss.Reference.Cuda;
using GptOss.Reference.Model;
using GptOss.Reference.Numerics.Caches;
using GptOss.Reference.Tests.Cuda.Emulator;
using GptOss.Reference.Tests.Model;
using GptOss.Reference.Tests.Numerics;
using Xunit;

namespace GptOss.Reference.Tests.Cuda;

/// <summary>Sequences on a device fork, mark, go back and share passes as those on the processor do, with the same bits and memory.</summary>
public sealed class DeviceSequenceTests : IDisposable
{
    private readonly SmallModels _models = new();

    public void Dispose() => _models.Dispose();

    [Theory, InlineData(1), InlineData(2), InlineData(3)]
    public void However_sequences_fork_mark_and_go_back_both_sides_agree(int seed)
    {
        string folder = _models.Write(SmallModels.Smallest, 1);
        using EmulatedDevice device = new(seed, layer => layer == seed % 2);
        using Transformer there = device.Load(folder), here = SmallModels.Load(folder);
        Numbers numbers = new(seed);
        List<(Sequence Here, Sequence There)> pairs = [(here.NewSequence(), there.NewSequence())];
        for (int step = 0; step < 24; step++)
        {
            int whom = numbers.Below(pairs.Count), action = numbers.Below(10);
            (Sequence own, Sequence other) = pairs[whom];
            if (action == 0)
            {
                pairs.Add((own.Fork(), other.Fork()));
            }
            else if (action == 1 && pairs.Count > 1)
            {
                own.Dispose();
                other.Dispose();
                pairs.RemoveAt(whom);
            }
            else if (action is 2 or 3)
            {
                own.Mark();
                other.Mark();
            }
            else if (action is 4 or 5)
            {
                int length = Math.Max(0, own.Length - numbers.Below(action == 4 ? 20 : 700));
                Assert.Equal(own.Truncate(length), other.Truncate(length));
            }
            else
            {
                // Now and then more than the ring holds; a batch of all now and then.
                int tokens = step == 7 ? 530 : 1 + numbers.Below(action == 6 ? 40 : 3);
                Feed(here, there, action == 9 ? [.. pairs] : [pairs[whom]], SmallModels.Ids(tokens, 64, step));
            }
            foreach ((Sequence mine, Sequence theirs) in pairs)
            {
                Assert.Equal((mine.Length, mine.CacheBytes, mine.MarkBytes, mine.BytesToExtend(70)),
                    (theirs.Length, theirs.CacheBytes, theirs.MarkBytes, theirs.BytesToExtend(70)));
                Assert.Equal(mine.Marks, theirs.Marks);
            }
            Assert.Equal(here.CacheMemory.Held, there.CacheMemory.Held);
        }
        Assert.NotEqual(0, device.Replays);
    }

    [Fact]
    public void Going_round_the_ring_and_back_to_a_mark_gives_the_bits_of_the_processor()
    {
        string folder = _models.Write(SmallModels.Smallest, 1);
        using EmulatedDevice device = new(5);
        using Transformer there = device.Load(folder), here = SmallModels.Load(folder);
        (Sequence Here, Sequence There) pair = (here.NewSequence(), there.NewSequence());
        Feed(here, there, [pair], SmallModels.Ids(300, 64, 1));
        pair.Here.Mark();
        pair.There.Mark();
        Feed(here, there, [pair], SmallModels.Ids(560, 64, 2));
        Assert.Equal(300, pair.Here.Truncate(301));
        Assert.Equal(300, pair.There.Truncate(301));
        Feed(here, there, [pair], SmallModels.Ids(20, 64, 3));
    }

    [Theory, InlineData(0b11), InlineData(0b10), InlineData(0b00)]
    public void Replayed_launches_follow_sequences_wherever_they_are(int experts)
    {
        string folder = _models.Write(SmallModels.Smallest, 1);
        using EmulatedDevice device = new(3, layer => (experts >> layer & 1) != 0);
        using Transformer there = device.Load(folder), here = SmallModels.Load(folder);
        (Sequence Here, Sequence There) one = (here.NewSequence(), there.NewSequence()), two = (here.NewSequence(), there.NewSequence());
        Feed(here, there, [one], SmallModels.Ids(250, 64, 1));
        one.Here.Mark();
        one.There.Mark();
        for (int step = 0; step < 9; step++)                           // over the edge of a page and of what one recording covers, at 256
            Feed(here, there, [one], SmallModels.Ids(1, 64, step));
        int replays = device.Replays;
        Assert.NotEqual(0, replays);
        (Sequence Here, Sequence There) fork = (one.Here.Fork(), one.There.Fork());
        Assert.Equal((250, 250), (one.Here.Truncate(250), one.There.Truncate(250)));
        for (int step = 0; step < 4; step++)
        {
            Feed(here, there, [one], SmallModels.Ids(1, 64, step + 20));
            Feed(here, there, [fork], SmallModels.Ids(1, 64, step + 30));
            Feed(here, there, [two], SmallModels.Ids(1, 64, step + 40));
            Feed(here, there, [two, one, fork], SmallModels.Ids(2, 64, step + 50));
        }
        Assert.True(device.Replays < 0 || device.Replays >= replays + 10);
    }

    [Fact]
    public void Of_a_token_only_what_it_changes_goes_to_the_card()
    {
        using EmulatedGpu gpu = new();
        using CudaDevice device = new(gpu, "a card");
        using var model = Transformer.Load(_models.Write(SmallModels.Smallest, 1), new ModelOptions { Threads = 1, Device = device });
        Sequence sequence = model.NewSequence();
        model.Forward(new BatchItem(sequence, SmallModels.Ids(640, 64, 1), LogitRows.None));
        int layers = model.Config.NumHiddenLayers, step = 4 * model.Config.HeadDim + 8 + 8 * layers, residual = 4 * model.Config.HiddenSize;
        for (int token = 0; token < 70; token++)
        {
            long before = gpu.Uploaded;
            int launches = gpu.Launches, allocations = gpu.Allocations;
            model.Forward(new BatchItem(sequence, SmallModels.Ids(1, 64, token), LogitRows.None));
            // A page begins at 640 and at 704 in the full layer; the ring has all of its pages.
            Assert.Equal(step + residual + (sequence.Length % 64 == 1 ? 8 : 0), gpu.Uploaded - before);
            Assert.Equal(allocations, gpu.Allocations);                // pages come from a slab
            if (token > 1)
                Assert.Equal(launches, gpu.Launches);
        }
    }

    [Fact]
    public void What_would_exceed_the_memory_for_keys_and_values_is_refused_before_anything_is_fed()
    {
        const int page = 64 * 2 * 32 * 4;
        using EmulatedDevice device = new();
        using Transformer model = device.Load(_models.Write(SmallModels.Smallest, 1), cacheBytes: 4 * page);
        using Sequence first = model.NewSequence(), second = model.NewSequence();
        model.Forward(new BatchItem(first, new int[64], LogitRows.None));
        Assert.Equal($"{4 * page} more bytes of keys and values are needed; {2 * page} of at most {4 * page} are held.",
            Assert.Throws<CacheFullException>(() => model.Forward(new BatchItem(second, new int[65], LogitRows.None)).Count).Message);
        int before = device.Allocations;
        first.Dispose();
        model.Forward(new BatchItem(second, new int[64], LogitRows.None));
        Assert.Equal((64, before), (second.Length, device.Allocations));                                   // on used pages
    }

    private static void Feed(Transformer here, Transformer there, (Sequence Here, Sequence There)[] pairs, int[] ids)
    {
        List<float> expected = [], found = [];
        SmallModels.Append(expected, here.Forward([.. pairs.Select(pair => new BatchItem(pair.Here, ids, LogitRows.Last))]));
        SmallModels.Append(found, there.Forward([.. pairs.Select(pair => new BatchItem(pair.There, ids, LogitRows.Last))]));
        Bits.Equal([.. expected], [.. found], $"{ids.Length} tokens of {pairs.Length} sequences at {pairs[0].Here.Length}");
    }
}
