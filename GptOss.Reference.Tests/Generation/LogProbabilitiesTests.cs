using GptOss.Reference.Generation;
using Xunit;

namespace GptOss.Reference.Tests.Generation;

public class LogProbabilitiesTests
{
    [Fact]
    public void They_are_the_logarithms_of_softmax()
    {
        float[] logits = [0.5f, -1, 3, 2.25f, 3];
        double sum = logits.Sum(logit => Math.Exp(logit));
        var actual = LogProbabilities.Of(logits, chosen: 3, top: 3);
        Assert.Equal(3, actual.Chosen.Id);
        Assert.Equal(2.25 - Math.Log(sum), actual.Chosen.LogProbability, 1e-14);
        Assert.Equal([2, 4, 3], actual.Top.Select(token => token.Id));       // the tie goes to the smaller id
        Assert.Equal(3 - Math.Log(sum), actual.Top[0].LogProbability, 1e-14);
        Assert.Equal(actual.Top[0].LogProbability, actual.Top[1].LogProbability);
        Assert.Equal(actual.Chosen, actual.Top[2]);
    }

    [Fact]
    public void All_of_them_sum_to_one()
    {
        var random = new Random(4);
        float[] logits = [.. Enumerable.Range(0, 5000).Select(_ => random.NextSingle() * 30 - 15)];
        IReadOnlyList<TokenLogProbability> all = LogProbabilities.Of(logits, 0, int.MaxValue).Top;
        Assert.Equal(5000, all.Count);
        Assert.Equal(1, all.Sum(token => Math.Exp(token.LogProbability)), 1e-12);
        Assert.Equal(logits.Select((logit, id) => (logit, id)).OrderByDescending(t => t.logit).ThenBy(t => t.id).Select(t => t.id),
            all.Select(token => token.Id));
    }

    [Fact]
    public void Equal_logits_share_equally() => Assert.Equal(-Math.Log(4), LogProbabilities.Of([-0f, 0, 0, 0], 2, 0).Chosen.LogProbability, 1e-15);

    [Fact]
    public void Large_logits_do_not_overflow()
    {
        Assert.Equal(0, LogProbabilities.Of([float.MaxValue, -float.MaxValue], 0, 0).Chosen.LogProbability);
        Assert.True(double.IsFinite(LogProbabilities.Of([float.MaxValue, -float.MaxValue], 1, 0).Chosen.LogProbability));
    }

    [Fact]
    public void Infinite_logits_are_limits()
    {
        float[] logits = [1, float.PositiveInfinity, float.NegativeInfinity, float.PositiveInfinity];
        Assert.Equal(-Math.Log(2), LogProbabilities.Of(logits, 3, 0).Chosen.LogProbability, 1e-15);
        Assert.Equal(double.NegativeInfinity, LogProbabilities.Of(logits, 0, 0).Chosen.LogProbability);
        Assert.Equal(double.NegativeInfinity, LogProbabilities.Of([1, float.NegativeInfinity], 1, 0).Chosen.LogProbability);
    }

    [Fact]
    public void What_has_no_answer_is_refused()
    {
        Assert.Equal("The logit of id 1 is not a number; no token can be chosen from such a row.",
            Assert.Throws<LogitsException>(() => LogProbabilities.Of([1, float.NaN], 0, 1)).Message);
        Assert.Throws<ArgumentOutOfRangeException>(() => LogProbabilities.Of([1, 2], 2, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => LogProbabilities.Of([1, 2], -1, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => LogProbabilities.Of([1, 2], 0, -1));
    }
}
