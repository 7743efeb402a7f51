using GptOss.Reference.Chat;
using GptOss.Reference.Generation;
using GptOss.Reference.Model;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Numerics.Workers;
using GptOss.Reference.Oracle.Scoring;
using GptOss.Reference.Oracle.Verification;
using Xunit;

namespace GptOss.Reference.Tests;

public class OptionsTests
{
    public static TheoryData<string, Func<object>> OutOfRange => new()
    {
        { nameof(GenerationOptions.MaxTokens), () => new GenerationOptions { MaxTokens = 0 } },
        { nameof(GenerationOptions.MaxTokens), () => new GenerationOptions { MaxTokens = -5 } },
        { nameof(GenerationOptions.MaxTokens), () => new GenerationOptions() with { MaxTokens = 0 } },
        { nameof(GenerationOptions.StopTexts), () => new GenerationOptions { StopTexts = ["end", ""] } },
        { nameof(GenerationOptions.StopTexts), () => new GenerationOptions { StopTexts = [null!] } },
        { "stops", () => new StopText([""]) },
        { nameof(GenerationOptions.TopLogProbabilities), () => new GenerationOptions { TopLogProbabilities = -1 } },
        { nameof(ModelOptions.Threads), () => new ModelOptions { Threads = 0 } },
        { nameof(ModelOptions.Threads), () => new ModelOptions { Threads = WorkerPool.MostThreads + 1 } },
        { nameof(ModelOptions.Precision), () => new ModelOptions { Precision = (Precision)7 } },
        { nameof(VerifyOptions.Threads), () => new VerifyOptions { Threads = 0 } },
        { "threads", () => new WorkerPool(0) },
        { nameof(ConversationOptions.Context), () => new ConversationOptions { Context = 0 } },
        { nameof(ConversationOptions.MaxTokens), () => new ConversationOptions { MaxTokens = 0 } },
        { nameof(ConversationOptions.MaxCalls), () => new ConversationOptions { MaxCalls = -1 } },
        { nameof(ScoreOptions.Context), () => new ScoreOptions { Context = 1 } },
        { nameof(ScoreOptions.Top), () => new ScoreOptions { Top = -1 } },
        { nameof(ScoreOptions.Batch), () => new ScoreOptions { Batch = 0 } },
    };

    [Theory]
    [MemberData(nameof(OutOfRange), DisableDiscoveryEnumeration = true)]
    public void An_option_that_is_out_of_range_is_refused_where_it_is_set(string name, Func<object> set) =>
        Assert.Equal(name, Assert.Throws<ArgumentOutOfRangeException>(set).ParamName);

    [Fact]
    public void The_smallest_values_that_mean_something_are_accepted()
    {
        _ = new GenerationOptions { MaxTokens = 1, StopTexts = ["x"], StopTokens = [], TopLogProbabilities = 0 };
        _ = new ModelOptions { Threads = 1 };
        _ = new ConversationOptions { Context = 1, MaxTokens = 1, MaxCalls = 0 };
        _ = new ScoreOptions { Context = 2, Top = 0, Batch = 1 };
        Assert.Throws<ArgumentNullException>(() => new GenerationOptions { StopTokens = null! });
        Assert.Throws<ArgumentNullException>(() => new GenerationOptions { StopTexts = null! });
    }
}
