using FsCheck;
using FsCheck.Fluent;
using GptOss.Reference.Model;
using GptOss.Reference.Tests.Numerics;
using Xunit;

namespace GptOss.Reference.Tests.Model;

public class TokenFeedTests(SmallModels models) : IClassFixture<SmallModels>
{
    [Fact]
    public void A_feed_in_pieces_of_any_size_gives_the_rows_of_one_pass()
    {
        using Transformer model = SmallModels.Load(models.Write(SmallModels.Smallest, 1));
        int[] ids = SmallModels.Ids(60, 64, 1), some = [0, 1, 2, 7, 20, 21, 40, 58];
        float[] all = SmallModels.Logits(model, model.NewSequence(), ids);
        (LogitRows Wanted, int[] Offsets)[] wishes =
        [
            (LogitRows.None, []), (LogitRows.Last, [59]), (LogitRows.All, [.. Enumerable.Range(0, 60)]), (LogitRows.At(some), some),
            (LogitRows.At(Array.Empty<int>()), []),
        ];
        Prop.ForAll(Gen.Choose(0, wishes.Length - 1).ToArbitrary(), Gen.Choose(1, 70).ToArbitrary(), Gen.Choose(1, 9).ToArbitrary(),
            (wish, tokens, rows) =>
        {
            TokenFeed feed = new(model.NewSequence(), ids, wishes[wish].Wanted);
            List<float> found = [];
            int passes = 0;
            for (; feed.Left > 0; passes++)
            {
                BatchItem item = feed.Next(tokens, rows);
                Assert.Equal(item.Tokens.ToArray(), feed.Next(tokens, rows).Tokens.ToArray());        // until it was fed, the same again
                Assert.InRange(item.Tokens.Length, 1, tokens);
                GptOss.Reference.Numerics.Buffers.Rows logits = model.Forward(item);
                Assert.InRange(logits.Count, 0, rows);
                SmallModels.Append(found, logits);
            }
            Assert.InRange(passes, 1, 60);
            Bits.Equal([.. wishes[wish].Offsets.SelectMany(offset => all.Skip(offset * 64).Take(64))], [.. found],
                $"wish {wish}, {tokens} tokens, {rows} rows");
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void A_feed_continues_from_the_chunks_that_a_cancelled_pass_finished()
    {
        using Transformer model = SmallModels.Load(models.Write(SmallModels.Smallest, 1));
        int[] ids = SmallModels.Ids(1300, 64, 1);
        Sequence sequence = model.NewSequence();
        model.Forward(new BatchItem(sequence, new[] { 5 }, LogitRows.None));
        TokenFeed feed = new(sequence, ids, LogitRows.Last);
        model.Forward(new BatchItem(sequence, ids.AsMemory(0, 512), LogitRows.None));        // what such a pass would have left
        Assert.Equal((512, 788), (feed.Fed, feed.Left));
        BatchItem rest = feed.Next(int.MaxValue);
        Assert.Equal((788, LogitRows.Last), (rest.Tokens.Length, rest.Logits));
    }

    [Fact]
    public void Wishes_outside_the_ids_are_refused_at_once()
    {
        using Transformer model = SmallModels.Load(models.Write(SmallModels.Smallest, 1));
        Assert.Throws<ArgumentException>(() => new TokenFeed(model.NewSequence(), new int[3], LogitRows.At(new[] { 3 })));
        TokenFeed feed = new(model.NewSequence(), new int[3], LogitRows.All);
        Assert.Throws<ArgumentOutOfRangeException>(() => feed.Next(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => feed.Next(1, 0));
    }
}
