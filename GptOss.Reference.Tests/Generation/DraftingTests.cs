using GptOss.Reference.Generation;
using Xunit;

namespace GptOss.Reference.Tests.Generation;

public class DraftingTests
{
    private readonly PassCosts _costs = new();

    [Fact]
    public void Nothing_is_drafted_before_the_cost_of_a_plain_pass_is_known()
    {
        Drafting drafting = New();
        Assert.Equal(0, drafting.Choose(new(4, 3), 1, 1));
        Plain(2);
        Assert.InRange(drafting.Choose(new(4, 3), 1, 1), 1, 4);
    }

    [Fact]
    public void Guesses_that_prove_right_are_drafted_far_and_wrong_ones_not_at_all()
    {
        Plain(2);
        Drafting drafting = New();
        for (int i = 0; i < 100; i++)
        {
            drafting.Judge(5, isRight: true);
            drafting.Judge(0, isRight: false);
        }
        Assert.Equal(8, drafting.Choose(new(8, 5), 1, 1));
        Assert.All(Enumerable.Range(0, 200), _ => Assert.Equal(0, drafting.Choose(new(8, 0), 1, 1)));
    }

    [Fact]
    public void Where_rows_cost_as_much_as_passes_nothing_is_drafted_until_a_probe_finds_them_cheaper()
    {
        Plain(2);
        Drafting drafting = New();
        for (int i = 0; i < 100; i++)
            drafting.Judge(5, isRight: i % 10 != 0);
        for (int i = 0; i < 20; i++)
            drafting.Observe(1, 2, seconds: 0.3);                        // a pass takes 0.1
        int[] expensive = [.. Enumerable.Range(0, 128).Select(_ => drafting.Choose(new(8, 5), 1, 1))];
        Assert.Equal([2, 2], expensive.Where(k => k > 0));               // one probe in 64
        for (int i = 0; i < 20; i++)
            drafting.Observe(1, 2, seconds: 0.11);
        int[] cheap = [.. Enumerable.Range(0, 64).Select(_ => drafting.Choose(new(8, 5), 1, 1))];
        Assert.Equal(2, cheap.Count(k => k == 0));                       // plain passes that keep their cost known
        Assert.All(cheap.Where(k => k > 0), k => Assert.InRange(k, 4, 8));
    }

    [Fact]
    public void In_company_a_row_has_to_bring_more_to_pay()
    {
        Drafting drafting = New();
        for (int i = 0; i < 100; i++)
            drafting.Judge(2, isRight: i % 2 == 0);
        for (int i = 0; i < 4; i++)
        {
            drafting.Observe(1, 0, 0.1);
            drafting.Observe(8, 0, 0.2);                                 // eight answers share a pass: 0.025 for each
            drafting.Observe(1, 1, 0.12);
            drafting.Observe(8, 1, 0.22);
        }
        Assert.True(drafting.Choose(new(2, 2), 1, 1) > 0);
        Assert.Equal(0, drafting.Choose(new(2, 2), 8, 8));
    }

    [Fact]
    public void Passes_of_many_tokens_are_neither_observed_nor_drafted_in()
    {
        _costs.Observe(PassCosts.MostTokens + 1, 0, 1);
        Assert.False(_costs.Knows(PassCosts.MostTokens + 1));
        Assert.Equal(0, New().Choose(new(4, 0), PassCosts.MostTokens + 1, 1));
    }

    private Drafting New() => new(8, (_, _) => default, _costs);

    private void Plain(int passes)
    {
        for (int i = 0; i < passes; i++)
            _costs.Observe(1, 0, 0.1);
    }
}
