using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Oracle.Verification;
using GptOss.Reference.Tokens;
using Xunit;

namespace GptOss.Reference.Tests.Oracle.Verification;

/// <summary>The comparison with published figures, on logits that are made to give them.</summary>
public class PublishedFiguresTests
{
    private static readonly PublishedFigure Roses = PublishedFigures.All[0];

    [Theory]
    [InlineData(0, 2)]
    [InlineData(2, 1)]
    public void Figures_belong_to_the_shape_of_a_released_model(int figure, int count)
    {
        GptOssConfig config = figure == 0 ? PublishedShapes.Gpt20b : PublishedShapes.Gpt120b;
        Assert.Equal(PublishedFigures.All.Skip(figure).Take(count), PublishedFigures.For(config));
        Assert.Empty(PublishedFigures.For(config with { NumHiddenLayers = 2 }));
    }

    [Fact]
    public void The_prompt_and_its_continuation_have_the_published_ids()
    {
        Assert.Equal([49, 14301, 553, 3592, 11, 68484, 12222], Tokenizer.O200kHarmony.Encode(Roses.Prompt));
        Assert.Equal([553, 9861, 11, 357, 3047, 481, 11, 326, 357, 3047, 481, 3101], Tokenizer.O200kHarmony.Encode(Roses.Continuation));
        Assert.Equal(12, Roses.LogProbabilities.Count);
        Assert.Equal(20, Tokenizer.O200kHarmony.Encode(PublishedFigures.All[1].Continuation).Length);
    }

    [Theory]
    [InlineData(0.0, true)]
    [InlineData(0.09, true)]
    [InlineData(-0.13, false)]
    [InlineData(double.NaN, false)]
    public void A_log_probability_passes_within_a_tenth_and_a_tenth_of_itself(double off, bool passes)
    {
        FigureReport report = Check(Roses.Continuation + ".", off);
        Assert.True(report.TextMatches || double.IsNaN(off));
        Assert.Equal(12, report.Steps.Count);
        Assert.Equal(passes, report.Steps[0].Passed);
        Assert.Equal(passes, report.Passed);
    }

    [Fact]
    public void Another_text_fails()
    {
        FigureReport report = Check(" are blue, I love you, and I love her too", 0);
        Assert.False(report.TextMatches);
        Assert.False(report.Passed);
        Assert.All(report.Steps, step => Assert.True(step.Passed));
    }

    /// <summary>Logits whose largest is the next token of a text, with the published probability plus an offset at the first step.</summary>
    private static FigureReport Check(string text, double off)
    {
        int[] ids = Tokenizer.O200kHarmony.Encode(text);
        int at = 0;
        return PublishedFigures.Check(Roses, Tokenizer.O200kHarmony, fed =>
        {
            Assert.Equal(at == 0 ? 7 : 1, fed.Length);
            double lnP = (at < Roses.LogProbabilities.Count ? Roses.LogProbabilities[at] : -1) + (at == 0 ? off : 0);
            double p = Math.Exp(Math.Min(lnP, -1e-3));
            const int others = 2000;
            float[] logits = [.. Enumerable.Repeat(float.NegativeInfinity, 201_088)];
            logits.AsSpan(100_000, others).Fill((float)Math.Log((1 - p) / others));
            logits[at < ids.Length ? ids[at] : 13] = double.IsNaN(off) && at == 0 ? float.NaN : (float)Math.Log(p);
            at++;
            return logits;
        });
    }
}
