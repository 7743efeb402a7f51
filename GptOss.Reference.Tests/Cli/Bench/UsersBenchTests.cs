using System.Text.Json;
using Xunit;
using static GptOss.Reference.Tests.Cli.CommandLine;

namespace GptOss.Reference.Tests.Cli.Bench;

public sealed class UsersBenchTests
{
    [Fact]
    public void Users_at_once_are_timed_together_and_one_more_beside_them()
    {
        Answer answer = Run("bench", "--model", TestData.Tiny, "--users", "1,3", "--prompt", "40", "--tokens", "8", "--json");
        Assert.True(answer.Code == 0, answer.Error);
        JsonElement[] runs = [.. answer.Json.GetProperty("runs").EnumerateArray()];
        Assert.Equal([1, 3], runs.Select(run => run.GetProperty("users").GetInt32()));
        Assert.All(runs, run =>
        {
            Assert.True(run.GetProperty("tokens_per_s").GetDouble() > 0);
            double[] first = [.. run.GetProperty("first_token_s").EnumerateArray().Select(seconds => seconds.GetDouble())];
            Assert.Equal(run.GetProperty("users").GetInt32(), first.Length);
            Assert.Equal(first.Order(), first);
            Assert.All(first.Append(run.GetProperty("late_first_token_s").GetDouble()), seconds => Assert.True(seconds > 0));
        });
    }

    [Fact]
    public void A_table_is_for_people_and_a_wrong_number_is_said()
    {
        Answer answer = Run("bench", "--model", TestData.Tiny, "--users", "2", "--prompt", "8", "--tokens", "4");
        Assert.Contains("users", answer.Out, StringComparison.Ordinal);
        Assert.Contains("of one more", answer.Out, StringComparison.Ordinal);
        foreach (string wrong in (string[])["0", "a", "1,,2", "1,2000", "-1"])
            Assert.Equal(2, Run("bench", "--model", TestData.Tiny, "--users", wrong).Code);
    }
}
