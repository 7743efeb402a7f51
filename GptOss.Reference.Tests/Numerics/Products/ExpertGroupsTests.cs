using FsCheck;
using FsCheck.Fluent;
using GptOss.Reference.Numerics.Products;
using Xunit;

namespace GptOss.Reference.Tests.Numerics.Products;

public class ExpertGroupsTests
{
    [Fact]
    public void Slots_are_grouped_by_expert_in_ascending_order()
    {
        ExpertGroups groups = new();      // one for all calls, so that nothing is left over from a larger one
        Prop.ForAll(Gen.Choose(1, 128).ToArbitrary(), Gen.Choose(0, int.MaxValue).ToArbitrary(), (experts, seed) =>
        {
            Numbers numbers = new(seed);
            int[] choices = [.. Enumerable.Range(0, numbers.Below(200)).Select(_ => numbers.Below(experts))];
            groups.Group(choices, experts);
            Assert.Equal(choices.Length, groups.Count);
            Assert.Equal(choices.Distinct().Order(), groups.Active);
            for (int e = 0; e < experts; e++)
                Assert.Equal(Enumerable.Range(0, choices.Length).Where(slot => choices[slot] == e), groups.SlotsOf(e).ToArray());
        }).QuickCheckThrowOnFailure();
    }
}
