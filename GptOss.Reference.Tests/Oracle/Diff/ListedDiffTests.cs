using System.Text.Json;
using GptOss.Reference.Checkpoints.Storage;
using GptOss.Reference.Ground;
using GptOss.Reference.Oracle.Diff;
using GptOss.Reference.Oracle.Dumps;
using GptOss.Reference.Tests.Oracle.Dumps;
using Xunit;

namespace GptOss.Reference.Tests.Oracle.Diff;

public sealed class ListedDiffTests(SmallTrace trace) : IClassFixture<SmallTrace>
{
    [Fact]
    public void Log_probabilities_of_the_same_logits_lie_within_the_budget()
    {
        TraceDifference difference = Compare(Lists(0));
        StageDifference stage = Assert.Single(difference.Stages);
        Assert.Equal(("logprobs", 5), (stage.Stage, stage.Rows));
        Assert.InRange(stage.Max, 0, 1e-12);
        Assert.True(difference.IsWithinBudget);
        Assert.Contains("15 log-probabilities at 5 positions; the largest is the reference's at 5 of them.", difference.Notes);
    }

    [Fact]
    public void Other_ones_are_located()
    {
        TraceDifference difference = Compare(Lists(0.25));
        Assert.Equal(3, difference.FirstOverBudget!.Position);
        Assert.Equal(0.25, difference.Stages[0].Max, 1e-9);
        Assert.Equal(difference.FirstOverBudget.Index, difference.Stages[0].Worst[0].Place.Index);
    }

    [Fact]
    public void Entries_belong_to_the_positions_that_are_asked_for()
    {
        Dictionary<string, double>?[] lists = Lists(0);
        Assert.True(Compare([lists[1], lists[3]], new([1, 3])).IsWithinBudget);
        Assert.False(Compare([lists[1], lists[3]], new([1, 4])).IsWithinBudget);
        Assert.Equal("list.json: there are 2 entries, and the reference has 6 tokens and 6 positions; name theirs with --positions.",
            Assert.Throws<CheckpointFormatException>(() => Compare([lists[1], lists[3]])).Message);
        Assert.Equal(1, Compare(lists, PositionChoice.Last).Stages[0].Rows);
        Assert.Equal("list.json: entry 1 has token 512; the reference has 512 logits.",
            Assert.Throws<CheckpointFormatException>(() => Compare([lists[1], new() { ["512"] = -1 }], new([1, 3]))).Message);
    }

    [Fact]
    public void Choices_of_the_largest_logits_are_the_reference_s_and_another_one_is_located()
    {
        int[] largest = [.. Enumerable.Range(0, 6).Select(Largest)];
        Assert.True(Chosen(largest).IsWithinBudget);
        int[] other = [.. largest];
        other[4] = (other[4] + 1) % 512;
        TraceDifference difference = Chosen(other);
        Assert.Equal(("chosen", 4), (difference.FirstOverBudget!.Stage, difference.FirstOverBudget.Position));
        Assert.Equal([other[4]], difference.FirstOverBudget.Index);
        float[] logits = trace.Values("logits");
        Assert.Equal((double)logits[4 * 512 + largest[4]] - logits[4 * 512 + other[4]], difference.Stages[0].Max);
        Assert.True(Chosen([largest[2], largest[5]], new([2, 5])).IsWithinBudget);
    }

    [Fact]
    public void Choices_that_end_the_prompt_belong_to_the_positions_before_them()
    {
        // The reference's prompt is [5, 77, 400, 3, 9, 210]: 9 and 210 would have been chosen after positions 3 and 4.
        TraceDifference difference = Chosen([9, 210]);
        Assert.Equal(2, difference.Stages[0].Rows);
        Assert.Equal([3, 4], difference.Stages[0].Worst.Select(element => element.Place.Position).Order());
    }

    [Fact]
    public void A_reference_without_logits_is_refused()
    {
        DumpFiles.SafeTensors(trace.Write("none.safetensors", ""), ("norm", DType.F32, [6, 64], new byte[6 * 64 * 4]), ("embedding", DType.F32, [6, 64], new byte[6 * 64 * 4]));
        using Dump dump = Dump.Open(Path.Combine(Path.GetDirectoryName(trace.Folder)!, "none.safetensors"));
        Assert.Equal("none.safetensors: the stage logits cannot be used: it is not there.",
            Assert.Throws<CheckpointFormatException>(() => ListedDiff.CompareChosen(dump, [1], "chosen.json")).Message);
    }

    /// <summary>Three tokens of each row, its largest among them; nothing at position 2; one of position 3 is off.</summary>
    private Dictionary<string, double>?[] Lists(double off)
    {
        float[] logits = trace.Values("logits");
        return
        [
            .. Enumerable.Range(0, 6).Select(row =>
            {
                double sum = Math.Log(logits.Skip(row * 512).Take(512).Sum(logit => Math.Exp(logit)));
                int largest = Largest(row);
                return row == 2 ? null : ((int[])[largest, (largest + 7) % 512, (largest + 99) % 512])
                    .ToDictionary(id => $"{id}", id => logits[row * 512 + id] - sum + (row == 3 && id == largest ? off : 0));
            }),
        ];
    }

    private int Largest(int row)
    {
        float[] logits = trace.Values("logits");
        return Enumerable.Range(0, 512).MaxBy(id => logits[row * 512 + id]);
    }

    private TraceDifference Compare(Dictionary<string, double>?[] lists, PositionChoice? positions = null)
    {
        using Dump reference = Dump.Open(trace.Folder);
        return ListedDiff.Compare(reference, ListedLogProbabilities.Read(trace.Write("list.json", JsonSerializer.Serialize(lists))), new() { Positions = positions });
    }

    private TraceDifference Chosen(int[] ids, PositionChoice? positions = null)
    {
        using Dump reference = Dump.Open(trace.Folder);
        return ListedDiff.CompareChosen(reference, ids, "chosen.json", new() { Positions = positions });
    }
}
