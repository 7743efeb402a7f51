using GptOss.Cli;
using GptOss.Cli.Options;
using GptOss.Reference.Oracle.Scoring;
using Xunit;

namespace GptOss.Reference.Tests.Cli.Options;

/// <summary>What schedulers say in the environment is a part, or one sentence.</summary>
public class SchedulerPartTests
{
    private const string Say = "say it with --part i/n, or --part 1/1 for the whole corpus.";

    private static (CorpusPart Part, string Source)? Of(string variables)
    {
        Dictionary<string, string> set = variables.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(each => each.Split('=')).ToDictionary(pair => pair[0], pair => pair[1]);
        return SchedulerPart.Of(name => set.GetValueOrDefault(name));
    }

    [Theory]
    [InlineData("SLURM_ARRAY_TASK_ID=1 SLURM_ARRAY_TASK_MIN=1 SLURM_ARRAY_TASK_MAX=8 SLURM_ARRAY_TASK_STEP=1 SLURM_ARRAY_TASK_COUNT=8", "1/8")]
    [InlineData("SLURM_ARRAY_TASK_ID=0 SLURM_ARRAY_TASK_MIN=0 SLURM_ARRAY_TASK_MAX=0 SLURM_ARRAY_TASK_STEP=1 SLURM_ARRAY_TASK_COUNT=1", "1/1")]
    [InlineData("SLURM_ARRAY_TASK_ID=7 SLURM_ARRAY_TASK_MIN=0 SLURM_ARRAY_TASK_MAX=7 SLURM_ARRAY_TASK_COUNT=8", "8/8")]
    [InlineData("SLURM_ARRAY_TASK_ID=14 SLURM_ARRAY_TASK_MIN=10 SLURM_ARRAY_TASK_MAX=16 SLURM_ARRAY_TASK_STEP=2 SLURM_ARRAY_TASK_COUNT=4", "3/4")]
    [InlineData("SLURM_ARRAY_TASK_ID=2 SLURM_ARRAY_TASK_MIN=1 SLURM_ARRAY_TASK_COUNT=8 GPTOSS_PARTS=8", "2/8")]
    [InlineData("JOB_COMPLETION_INDEX=0 GPTOSS_PARTS=3", "1/3")]
    [InlineData("JOB_COMPLETION_INDEX=2 GPTOSS_PARTS=3", "3/3")]
    [InlineData("PARALLEL_SEQ=1 GPTOSS_PARTS=3", "1/3")]
    [InlineData("PARALLEL_SEQ=3 GPTOSS_PARTS=3 SLURM_ARRAY_TASK_ID= SLURM_JOB_ID=5", "3/3")]
    public void A_scheduler_says_the_part(string variables, string part)
    {
        Assert.Equal(part, Of(variables)!.Value.Part.ToString());
        Assert.Equal(variables.Split('=')[0], Of(variables)!.Value.Source);
    }

    [Theory]
    [InlineData("")]
    [InlineData("GPTOSS_PARTS= SLURM_ARRAY_TASK_ID= SLURM_JOB_ID=5 SLURM_PROCID=3")]
    public void Where_none_speaks_it_is_the_whole(string variables) => Assert.Null(Of(variables));

    [Theory]
    [InlineData("GPTOSS_PARTS=4", "GPTOSS_PARTS is '4', and no scheduler that is known here says which of them this is; " + Say)]
    [InlineData("JOB_COMPLETION_INDEX=1", "JOB_COMPLETION_INDEX says which part this is and nothing says of how many: set GPTOSS_PARTS to their number, or " + Say)]
    [InlineData("PARALLEL_SEQ=1", "PARALLEL_SEQ says which part this is and nothing says of how many: set GPTOSS_PARTS to their number, or " + Say)]
    [InlineData("SLURM_ARRAY_TASK_ID=1", "SLURM_ARRAY_TASK_COUNT is not set, so what this is a part of is not known; " + Say)]
    [InlineData("SLURM_ARRAY_TASK_ID=1 SLURM_ARRAY_TASK_COUNT=4", "SLURM_ARRAY_TASK_MIN is not set, so what this is a part of is not known; " + Say)]
    [InlineData("SLURM_ARRAY_TASK_ID=1 PARALLEL_SEQ=2 GPTOSS_PARTS=4", "SLURM_ARRAY_TASK_ID and PARALLEL_SEQ each say which part this is; " + Say)]
    [InlineData("JOB_COMPLETION_INDEX=1 PARALLEL_SEQ=2 GPTOSS_PARTS=4", "JOB_COMPLETION_INDEX and PARALLEL_SEQ each say which part this is; " + Say)]
    [InlineData("JOB_COMPLETION_INDEX=3 GPTOSS_PARTS=3", "JOB_COMPLETION_INDEX is '3'; expected a number from 0 to 2, or " + Say)]
    [InlineData("PARALLEL_SEQ=0 GPTOSS_PARTS=3", "PARALLEL_SEQ is '0'; expected a number from 1 to 3, or " + Say)]
    [InlineData("PARALLEL_SEQ=4 GPTOSS_PARTS=3", "PARALLEL_SEQ is '4'; expected a number from 1 to 3, or " + Say)]
    [InlineData("PARALLEL_SEQ=1 GPTOSS_PARTS=many", "GPTOSS_PARTS is 'many'; expected a number from 1 to 1000000, or " + Say)]
    [InlineData("SLURM_ARRAY_TASK_ID=x SLURM_ARRAY_TASK_MIN=1 SLURM_ARRAY_TASK_COUNT=3", "SLURM_ARRAY_TASK_ID is 'x'; expected a number from 1 to 2147483647, or " + Say)]
    [InlineData("SLURM_ARRAY_TASK_ID=2 SLURM_ARRAY_TASK_MIN=1 SLURM_ARRAY_TASK_MAX=9 SLURM_ARRAY_TASK_STEP=1 SLURM_ARRAY_TASK_COUNT=3",
        "The indices of this Slurm array have gaps, so SLURM_ARRAY_TASK_ID 2 does not say which of 3 parts this is; " + Say)]
    [InlineData("SLURM_ARRAY_TASK_ID=9 SLURM_ARRAY_TASK_MIN=1 SLURM_ARRAY_TASK_COUNT=3",
        "The indices of this Slurm array have gaps, so SLURM_ARRAY_TASK_ID 9 does not say which of 3 parts this is; " + Say)]
    [InlineData("SLURM_ARRAY_TASK_ID=2 SLURM_ARRAY_TASK_MIN=1 SLURM_ARRAY_TASK_STEP=2 SLURM_ARRAY_TASK_COUNT=3",
        "The indices of this Slurm array have gaps, so SLURM_ARRAY_TASK_ID 2 does not say which of 3 parts this is; " + Say)]
    [InlineData("SLURM_ARRAY_TASK_ID=2 SLURM_ARRAY_TASK_MIN=1 SLURM_ARRAY_TASK_COUNT=3 GPTOSS_PARTS=4", "GPTOSS_PARTS is 4 and SLURM_ARRAY_TASK_COUNT 3; " + Say)]
    public void What_is_not_clear_is_asked(string variables, string sentence) =>
        Assert.Equal(sentence, Assert.Throws<UsageException>(() => Of(variables)).Message);
}
