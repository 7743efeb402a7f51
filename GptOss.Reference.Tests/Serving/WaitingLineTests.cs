using GptOss.Reference.Serving;
using Xunit;

namespace GptOss.Reference.Tests.Serving;

public sealed class WaitingLineTests
{
    [Fact]
    public void Owners_take_turns_and_each_keeps_its_order()
    {
        var line = new WaitingLine();
        foreach ((string owner, int number) in new[] { ("a", 1), ("a", 2), ("a", 3), ("b", 4), ("c", 5), ("b", 6) }) line.Add(Request(owner, number));
        var order = new List<int>();
        while (line.Take() is { } next) order.Add(next.Generation.Request.MaxTokens);
        Assert.Equal([1, 4, 5, 2, 6, 3], order);
        Assert.Equal(0, line.Count);
    }

    [Fact]
    public async Task A_client_that_left_is_taken_out_wherever_it_waits()
    {
        var line = new WaitingLine();
        Waiting gone = Request("a", 2);
        line.Add(Request("a", 1));
        line.Add(gone);
        line.Add(Request("b", 3));
        await gone.Generation.DisposeAsync();
        Assert.Equal([gone.Generation], line.TakeLeft());
        Assert.Equal(2, line.Count);
        Assert.Equal(1, line.Take()!.Generation.Request.MaxTokens);
        Assert.Equal(3, line.Take()!.Generation.Request.MaxTokens);
        Assert.Null(line.Take());
    }

    private static Waiting Request(string owner, int number) =>
        new(new ServedGeneration(new ServingRequest { Prompt = new[] { 1 }, Owner = owner, MaxTokens = number }, TestContext.Current.CancellationToken), 0);
}
