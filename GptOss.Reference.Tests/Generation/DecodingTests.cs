using GptOss.Cli.Options;
using GptOss.Reference.Generation;
using GptOss.Reference.Model;
using GptOss.Reference.Tests.Model;
using Xunit;

namespace GptOss.Reference.Tests.Generation;

public class DecodingTests(SmallModels models) : IClassFixture<SmallModels>
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public void Continuations_that_share_their_passes_say_what_each_says_alone()
    {
        using Transformer model = Smallest();
        (int[] Prompt, GenerationOptions Options)[] asked = [.. Enumerable.Range(0, 6).Select(i =>
            (SmallModels.Ids(1 + 130 * i, 64, i), Sampled((ulong)i) with { MaxTokens = 5 + 4 * i, StopTokens = [9, 10] }))];
        string[] alone = [.. asked.Select(one => Run(model, new Decoding(model.NewSequence(), one.Prompt, one.Options)))];
        Assert.Equal(6, alone.Distinct().Count());

        // A scheduler in small: a token of everyone who writes, and a few of everyone who reads.
        Decoding[] together = [.. asked.Select(one => new Decoding(model.NewSequence(), one.Prompt, one.Options))];
        var logits = new LogitsBuffer();
        for (int step = 0; together.Any(one => one.End is null); step++)
        {
            Decoding[] going = [.. together.Where(one => one.End is null)];
            model.Forward([.. going.Select((one, i) => one.Next(1 + (step * 37 + i * 11) % 200))], logits, Cancellation);
            int row = 0;
            foreach (Decoding one in going.Where(one => one.AwaitsRow))
                one.Take(logits[row++]);
            Assert.Equal(row, logits.Count);
        }
        Assert.Equal(alone, together.Select(Said));
    }

    [Fact]
    public void A_step_whose_pass_was_cancelled_is_asked_for_again()
    {
        using Transformer model = Smallest();
        int[] prompt = SmallModels.Ids(600, 64, 1);
        string expected = Run(model, new Decoding(model.NewSequence(), prompt, Sampled(3)));
        var decoding = new Decoding(model.NewSequence(), prompt, Sampled(3));
        var logits = new LogitsBuffer();
        while (decoding.End is null)
        {
            Assert.Throws<OperationCanceledException>(() => decoding.Feed(model, logits, new CancellationToken(canceled: true)));
            if (decoding.Feed(model, logits, Cancellation))
                decoding.Take(logits[0]);
        }
        Assert.Equal(expected, Said(decoding));
    }

    [Fact]
    public void What_is_out_of_turn_is_refused_and_changes_nothing()
    {
        using Transformer model = Smallest();
        var decoding = new Decoding(model.NewSequence(), new[] { 1, 2 }, new() { MaxTokens = 2 });
        var logits = new LogitsBuffer();
        Assert.Equal("More is to be fed before a row is taken.",
            Assert.Throws<InvalidOperationException>(() => decoding.Take(new float[64]).Length).Message);
        Assert.False(decoding.AwaitsRow);
        Assert.True(decoding.Feed(model, logits, Cancellation));
        Assert.Equal("A row is to be taken before more is fed.", Assert.Throws<InvalidOperationException>(() => decoding.Next()).Message);
        decoding.Take(logits[0]);
        Assert.Throws<InvalidOperationException>(() => decoding.Take(logits[0]).Length);
        Assert.True(decoding.Feed(model, logits, Cancellation));
        decoding.Take(logits[0]);
        Assert.Equal((FinishReason.Length, 3), (decoding.End, decoding.Sequence.Length));              // the last token is not fed
        Assert.Equal("This continuation has ended: Length.", Assert.Throws<InvalidOperationException>(() => decoding.Next()).Message);
        decoding.Finish(FinishReason.Cancelled);
        Assert.Equal(FinishReason.Length, decoding.End);
    }

    [Fact]
    public void A_row_without_a_number_to_choose_leaves_the_continuation_where_it_was()
    {
        using Transformer model = Smallest();
        var decoding = new Decoding(model.NewSequence(), new[] { 1 }, new());
        var logits = new LogitsBuffer();
        decoding.Feed(model, logits, Cancellation);
        float[] row = new float[64];
        row[5] = float.NaN;
        Assert.Equal([1], Assert.Throws<LogitsException>(() => decoding.Take(row).Length).Ids.ToArray());
        Assert.True(decoding.AwaitsRow);
        Assert.Equal(1, decoding.Take(logits[0]).Length);

        // What the sequence held before is not known here.
        var later = new Decoding(decoding.Sequence, new[] { 2 }, new());
        later.Feed(model, logits, Cancellation);
        Assert.True(Assert.Throws<LogitsException>(() => later.Take(row).Length).Ids.IsEmpty);
    }

    [Theory]
    [InlineData(6, true)]
    [InlineData(2, true)]
    [InlineData(6, false)]
    public void An_answer_whose_budget_ends_is_closed_where_that_is_asked_for_and_counts_as_cut(int most, bool closes)
    {
        using Transformer model = Smallest();
        var decoding = new Decoding(model.NewSequence(), new[] { 1 },
            Sampled(5) with { MaxTokens = most, CloseOnBudget = closes, Constraint = new UntilSpelled([11, 12]) });
        Run(model, decoding);
        Assert.Equal((most, FinishReason.Length), (decoding.Ids.Count, decoding.End));
        Assert.Equal(closes, decoding.Ids.TakeLast(2).SequenceEqual([11, 12]));
    }

    [Fact]
    public void An_answer_that_cannot_be_closed_within_its_budget_is_refused_with_both_numbers()
    {
        using Transformer model = Smallest();
        GenerationOptions options = new() { MaxTokens = 2, CloseOnBudget = true, Constraint = new UntilSpelled([11, 12, 13]) };
        BudgetException refused = Assert.Throws<BudgetException>(() => new Decoding(model.NewSequence(), new[] { 1 }, options));
        Assert.Equal((3, 2), (refused.Needed, refused.Allowed));
        int[] full = SmallModels.Ids(model.Config.MaxPositions - 1, 64, 2);
        refused = Assert.Throws<BudgetException>(() => new Decoding(model.NewSequence(), full, options with { MaxTokens = 9 }));
        Assert.Equal((3, 2), (refused.Needed, refused.Allowed));
        _ = new Decoding(model.NewSequence(), full.AsMemory(1), options with { MaxTokens = 3 });
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(700)]
    public void A_marked_prompt_can_be_returned_to_before_its_last_token(int length)
    {
        using Transformer model = Smallest();
        int[] prompt = SmallModels.Ids(length, 64, 2);
        string expected = Run(model, new Decoding(model.NewSequence(), prompt, Sampled(1)));
        var decoding = new Decoding(model.NewSequence(), prompt, Sampled(1)) { MarksPrompt = true };
        Assert.Equal(expected, Run(model, decoding));
        Assert.Equal(length == 1 ? [] : [length - 1], decoding.Sequence.Marks);
        model.Forward(new BatchItem(decoding.Sequence, new int[1000], LogitRows.None));        // the ring has run over the prompt
        Assert.Equal(length - 1, decoding.Sequence.Truncate(length - 1));
        Assert.Equal(expected, Run(model, new Decoding(decoding.Sequence, prompt.AsMemory(length - 1), Sampled(1))));
    }

    [Fact]
    public void A_token_chosen_elsewhere_is_fed_like_one_s_own()
    {
        using Transformer model = Smallest();
        var own = new Decoding(model.NewSequence(), new[] { 1, 2, 3 }, Sampled(4));
        Run(model, own);
        var put = new Decoding(model.NewSequence(), new[] { 1, 2, 3 }, new() { MaxTokens = own.Ids.Count });
        var logits = new LogitsBuffer();
        foreach (int id in own.Ids)
        {
            Assert.True(put.Feed(model, logits, Cancellation));
            Assert.Equal([id], put.Put(id).ToArray());
        }
        Assert.Equal(own.Ids, put.Ids);
        Assert.Equal(FinishReason.Length, put.End);
        Assert.Equal(own.Sequence.Length, put.Sequence.Length);
    }

    [Fact]
    public void Under_a_constraint_only_what_it_allows_is_chosen_and_what_it_forces_is_not_computed()
    {
        using Transformer model = Smallest();
        GenerationOptions options = Sampled(5) with { MaxTokens = 100, Constraint = new EvenThenSpelled(6, [11, 12, 13]) };
        var decoding = new Decoding(model.NewSequence(), new[] { 1 }, options);
        var logits = new LogitsBuffer();
        int rows = 0;
        while (decoding.End is null)
        {
            if (decoding.Feed(model, logits, Cancellation))
            {
                int taken = decoding.Take(logits[0]).Length;
                Assert.Equal(++rows == 6 ? 4 : 1, taken);
            }
        }
        Assert.Equal((6, FinishReason.Stop), (rows, decoding.End));
        Assert.All(decoding.Ids.Take(6), id => Assert.Equal(0, id % 2));
        Assert.Equal([11, 12, 13], decoding.Ids.Skip(6));

        // With log-probabilities every token has a row, and the same is said.
        var shown = new Decoding(model.NewSequence(), new[] { 1 }, options with { TopLogProbabilities = 0 });
        Assert.Equal(Said(decoding), Run(model, shown));
        Assert.Equal(9, shown.Sequence.Length);
    }

    [Fact]
    public void Tokens_that_are_forced_in_the_middle_are_fed_in_one_pass()
    {
        using Transformer model = Smallest();
        GenerationOptions options = Sampled(6) with { MaxTokens = 9, Constraint = new EvenThenSpelled(2, [11, 12, 13], isEnd: false) };
        var decoding = new Decoding(model.NewSequence(), new[] { 1 }, options);
        Run(model, decoding);
        Assert.Equal([11, 12, 13], decoding.Ids.Skip(2).Take(3));
        Assert.Equal((9, FinishReason.Length), (decoding.Ids.Count, decoding.End));
        string alone = Run(model, new Decoding(model.NewSequence(), new[] { 1 }, options with { TopLogProbabilities = 0 }));
        Assert.Equal(alone, Said(decoding));
    }

    [Fact]
    public void One_options_record_serves_many_constrained_continuations()
    {
        using Transformer model = Smallest();
        GenerationOptions options = Sampled(5) with { MaxTokens = 100, Constraint = new EvenThenSpelled(6, [11]) };
        Assert.Equal(Run(model, new Decoding(model.NewSequence(), new[] { 1 }, options)),
            Run(model, new Decoding(model.NewSequence(), new[] { 1 }, options)));
    }

    private Transformer Smallest() => SmallModels.Load(models.Write(SmallModels.Smallest, 1));

    private static GenerationOptions Sampled(ulong seed) => new() { MaxTokens = 12, Sampling = new() { Temperature = 5, Seed = seed } };

    private static string Said(Decoding decoding) => $"{string.Join(' ', decoding.Ids)} {decoding.End}";

    private static string Run(Transformer model, Decoding decoding)
    {
        var logits = new LogitsBuffer();
        while (decoding.End is null)
        {
            if (decoding.Feed(model, logits, Cancellation))
                decoding.Take(logits[0]);
        }
        return Said(decoding);
    }

    /// <summary>Anything, until the last ids are the spelled ones.</summary>
    private sealed class UntilSpelled(int[] spelled, int matched = 0) : TokenConstraint
    {
        private int _matched = matched;

        public override bool IsComplete => _matched == spelled.Length;

        public override bool Fill(Span<ulong> allowed) => false;

        public override void Accept(int id) => _matched = id == spelled[_matched] ? _matched + 1 : id == spelled[0] ? 1 : 0;

        public override IReadOnlyList<int> ShortestEnd() => spelled[_matched..];

        public override TokenConstraint Fork() => new UntilSpelled(spelled, _matched);
    }

    /// <summary>Some even ids, then a spelled sequence, then the end or anything.</summary>
    private sealed class EvenThenSpelled(int even, int[] spelled, bool isEnd = true, int taken = 0) : TokenConstraint
    {
        private int _taken = taken;

        public override bool IsComplete => isEnd && _taken == even + spelled.Length;

        public override bool Fill(Span<ulong> allowed)
        {
            if (_taken >= even + spelled.Length)
                return false;
            allowed.Clear();
            if (_taken < even)
                allowed[0] = 0x5555555555555555;
            else
                allowed[0] = 1UL << spelled[_taken - even];
            return true;
        }

        public override void Accept(int id)
        {
            if (_taken < even ? id % 2 != 0 : _taken < even + spelled.Length && id != spelled[_taken - even])
                throw new ArgumentException($"{id} is not allowed.");
            _taken++;
        }

        public override IReadOnlyList<int> Forced() => _taken >= even && _taken < even + spelled.Length ? spelled[(_taken - even)..] : [];

        public override IReadOnlyList<int> ShortestEnd() => [];

        public override TokenConstraint Fork() => new EvenThenSpelled(even, spelled, isEnd, _taken);
    }
}
