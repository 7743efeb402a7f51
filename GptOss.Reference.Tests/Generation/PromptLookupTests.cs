using GptOss.Reference.Generation;
using Xunit;

namespace GptOss.Reference.Tests.Generation;

public class PromptLookupTests
{
    [Theory]
    [InlineData("1 2 3 4 9 1 2", 3, "3 4 9", 0)]
    [InlineData("5 1 2 3 9 7 1 2 4 5 1 2", 2, "3 9", 1)]                // the longer match wins over the later one
    [InlineData("1 2 3 8 1 2 4 8 1 2", 2, "4 8", 1)]                    // of two as long the later one
    [InlineData("1 2 3", 4, "", 0)]
    [InlineData("1 2", 4, "", 0)]
    [InlineData("7 7 7", 4, "7 7 7 7", 0)]                              // a run goes on into its own guess
    [InlineData("1 2 1 2 1 2", 5, "1 2 1 2 1", 2)]
    [InlineData("1 2 3 4 5 6 7 8 0 9 1 2 3 4 5 6 7 8", 1, "0", 5)]      // matches beyond the longest kind count alike
    public void What_followed_the_longest_latest_match_is_guessed(string known, int room, string guess, int kind)
    {
        int[] into = new int[room];
        Draft draft = PromptLookup.Guess(Ids(known), into);
        Assert.Equal(Ids(guess), into[..draft.Count]);
        Assert.Equal(kind, draft.Kind);
    }

    [Fact]
    public void The_guess_is_that_of_a_search_place_by_place()
    {
        var random = new Random(1);
        for (int round = 0; round < 500; round++)
        {
            int[] known = [.. Enumerable.Range(0, random.Next(1, 60)).Select(_ => random.Next(4))];
            int[] into = new int[3];
            Draft draft = PromptLookup.Guess(known, into);
            int best = 0, from = 0;
            for (int end = 1; end < known.Length; end++)
            {
                int length = 0;
                while (length < PromptLookup.Longest && length < end && known[end - 1 - length] == known[^(length + 1)])
                    length++;
                if (length >= PromptLookup.Shortest && length >= best)
                    (best, from) = (length, end);
            }
            Assert.Equal(best == 0 ? 0 : 3, draft.Count);
            for (int i = 0; i < draft.Count; i++)
                Assert.Equal(from + i < known.Length ? known[from + i] : into[from + i - known.Length], into[i]);
            Assert.Equal(Math.Max(0, best - PromptLookup.Shortest), draft.Kind);
        }
    }

    private static int[] Ids(string text) => [.. text.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(int.Parse)];
}
