using GptOss.Reference.Checkpoints.Storage;
using GptOss.Reference.Oracle.Diff;
using GptOss.Reference.Oracle.Dumps;
using GptOss.Reference.Tests.Oracle.Dumps;
using Xunit;

namespace GptOss.Reference.Tests.Oracle.Diff;

/// <summary>Logits in other forms than a reference's are recognised, said, and compared all the same.</summary>
public sealed class ReadingTests(SmallTrace trace) : IClassFixture<SmallTrace>
{
    private const int Rows = 6, Width = 512;

    public static TheoryData<string, string> Forms => new()
    {
        { "log-softmax", "In B, logits are log-probabilities (ln softmax)." },
        { "softmax", "In B, logits are probabilities (softmax)." },
        { "halved", "In B, logits are multiplied by 0.5." },
        { "negated", "In B, logits are multiplied by -1." },
        { "log-softmax at temperature 0.8", "In B, logits are log-probabilities (ln softmax); multiplied by 1.25." },
        { "softmax at temperature 2", "In B, logits are probabilities (softmax); multiplied by 0.5." },
        { "largest taken off", "In B, logits are off by a constant in each row, which changes no probability." },
        { "rolled down", "In B, logits are one row too late: the row of position p belongs to p − 1." },
        { "rolled up", "In B, logits are one row too early: the row of position p belongs to p + 1." },
        { "halved and rolled up", "In B, logits are multiplied by 0.5; one row too early: the row of position p belongs to p + 1." },
        { "padded", "In B, 'dump' is [6, 576]: of 576 logits in each row the last 64 are padding of the vocabulary." },
        { "transposed", "In B, 'dump' is [512, 6]: its columns are read as rows." },
        { "padded and transposed", "In B, 'dump' is [576, 6]: its columns are read as rows, and of 576 logits in each row the last 64 are padding of the vocabulary." },
        { "without the first row", "In B, logits are one row too early: the row of position p belongs to p + 1." },
    };

    [Theory, MemberData(nameof(Forms))]
    public void A_form_is_recognised_and_lies_within_the_budget(string form, string reading)
    {
        TraceDifference difference = Compare(trace.Folder, Written(form, trace.Values("logits")));
        Assert.Equal([reading], difference.Readings);
        Assert.True(difference.IsWithinBudget, $"{difference.Stages[0].Relative} of {difference.Stages[0].Budget}");
        Assert.Equal(1, difference.Stages[0].Agreement!.Top1);
    }

    [Theory, MemberData(nameof(Forms))]
    public void What_is_wrong_in_a_form_is_still_over_the_budget_and_located(string form, string reading)
    {
        float[] logits = trace.Values("logits");
        logits[3 * Width + 100] += form.Contains("softmax", StringComparison.Ordinal) ? 0.02f : 0.01f;
        TraceDifference difference = Compare(trace.Folder, Written(form, logits));
        Assert.Equal([reading], difference.Readings);
        Assert.Equal(3, difference.FirstOverBudget!.Position);
        Assert.Equal([100], difference.FirstOverBudget.Index);
    }

    [Theory]
    [InlineData("log-softmax")]
    [InlineData("softmax")]
    [InlineData("halved")]
    [InlineData("largest taken off")]
    [InlineData("rolled up")]
    public void A_form_that_is_said_to_be_logits_is_compared_as_it_stands(string form)
    {
        TraceDifference difference = Compare(trace.Folder, Written(form, trace.Values("logits")), new() { As = LogitsKind.Logits });
        Assert.Empty(difference.Readings);
        Assert.False(difference.IsWithinBudget);
    }

    [Fact]
    public void Plain_logits_that_are_said_to_be_log_probabilities_are_normalised()
    {
        float[] logits = trace.Values("logits");
        Assert.True(Compare(trace.Folder, Written("", logits), new() { As = LogitsKind.LogProbabilities }).IsWithinBudget);
        float[] wrong = [.. logits];
        wrong[9] += 1;
        Assert.False(Compare(trace.Folder, Written("", wrong), new() { As = LogitsKind.LogProbabilities }).IsWithinBudget);
    }

    [Fact]
    public void Plain_logits_have_no_reading_and_random_ones_none_that_helps()
    {
        float[] logits = trace.Values("logits");
        Assert.Empty(Compare(trace.Folder, Written("", logits)).Readings);
        var random = new Random(2);
        TraceDifference noise = Compare(trace.Folder, Written("", [.. logits.Select(_ => 8 * random.NextSingle() - 4)]));
        Assert.Empty(noise.Readings);
        Assert.False(noise.IsWithinBudget);
    }

    [Fact]
    public void Probabilities_of_16_bits_are_recognised_and_those_too_small_for_them_are_no_difference()
    {
        float[] logits = [.. trace.Values("logits").Select(logit => 3 * logit)];           // so that many become 0
        string reference = trace.Write("reference.npy", DumpFiles.Npy(logits, Rows, Width));
        float[] softmax = InRows(logits, Softmax);
        byte[] half = DumpFiles.Npy("<f2", $"{Rows}, {Width}", DumpFiles.Bytes<Half>([.. softmax.Select(p => (Half)p)]));
        Assert.True(softmax.Count(p => p < 3e-8f) > 100);
        TraceDifference difference = Compare(reference, trace.Write("half.npy", half));
        Assert.Equal(["In B, logits are probabilities (softmax)."], difference.Readings);
        Assert.True(difference.IsWithinBudget);

        float[] lost = [.. softmax];
        lost[Array.IndexOf(softmax, softmax.Max())] = 0;                                   // a large one that is 0 is a difference
        lost[Array.IndexOf(softmax, softmax.Where(p => p < 0.01f).Max())] += softmax.Max();
        Assert.False(Compare(reference, trace.Write("lost.npy", DumpFiles.Npy(lost, Rows, Width))).IsWithinBudget);
    }

    [Fact]
    public void A_whole_trace_that_is_one_row_late_is_compared_stage_by_stage()
    {
        string late = trace.Write("late.safetensors", "");
        DumpFiles.SafeTensors(late, [.. trace.Tensors().Select(tensor =>
        {
            int width = (int)(tensor.ByteCount / 4) / Rows;
            byte[] data = tensor.DType == DType.I32 ? DumpFiles.Bytes<float>(Roll(Experts(tensor.Name), 1, width)) : DumpFiles.Bytes<float>(Roll(trace.Values(tensor.Name), 1, width));
            return (tensor.Name, DType.F32, tensor.Shape.ToArray(), data);
        })]);
        TraceDifference difference = Compare(trace.Folder, late);
        Assert.True(difference.IsWithinBudget);
        Assert.All(difference.Stages, stage => Assert.Equal(5, stage.Rows));
        Assert.Contains("In B, embedding is one row too late: the row of position p belongs to p − 1.", difference.Readings);
        Assert.Contains("embedding, position 5", difference.NotCompared.Select(not => not.Name));

        float[] Experts(string name)
        {
            using Dump dump = Dump.Open(trace.Folder);
            Assert.True(dump.TryGet(name, out DumpTensor? experts));
            float[] values = new float[experts.Rows * experts.Width];
            for (int row = 0; row < experts.Rows; row++)
                experts.ReadRow(row, values.AsSpan(row * experts.Width, experts.Width));
            return values;
        }
    }

    [Fact]
    public void Stages_of_columns_are_read_and_two_dumps_without_a_manifest_say_each_other_s_width()
    {
        float[] norm = trace.Values("norm"), logits = trace.Values("logits");
        DumpFiles.SafeTensors(trace.Write("columns.safetensors", ""), ("norm", DType.F32, [64, 6], DumpFiles.Bytes<float>(Transposed(norm, 64))),
            ("logits", DType.F32, [6, 512], DumpFiles.Bytes<float>(logits)));
        TraceDifference difference = Compare(trace.Folder, Path.Combine(Path.GetDirectoryName(trace.Folder)!, "columns.safetensors"));
        Assert.Equal(["In B, 'norm' is [64, 6]: its columns are read as rows."], difference.Readings);
        Assert.All(difference.Stages, stage => Assert.Null(stage.FirstDifference));

        string a = trace.Write("x/logits.npy", DumpFiles.Npy(logits, 6, 512)), b = trace.Write("y/logits.npy", DumpFiles.Npy(Transposed(logits, 512), 512, 6));
        Assert.Null(Assert.Single(Compare(a, b).Stages).FirstDifference);
        Assert.Null(Assert.Single(Compare(b, a).Stages).FirstDifference);
    }

    [Fact]
    public void Columns_beyond_the_vocabulary_are_listed_and_a_much_larger_vocabulary_is_another_model()
    {
        TraceDifference padded = Compare(trace.Folder, Written("padded", trace.Values("logits")));
        Assert.Equal("64 columns beyond the vocabulary in B", padded.NotCompared.Single(not => not.Name == "logits, padding").Reason);
        Assert.False(padded.IsIdentical);
        TraceDifference other = Compare(trace.Folder, trace.Write("other.npy", DumpFiles.Npy(new float[6 * 2000], 6, 2000)));
        Assert.Empty(other.Stages);
        Assert.Contains(new("logits", "in B, 'other' is [6, 2000], which is not rows of [512]"), other.NotCompared);
    }

    /// <summary>The logits in a form; of rolled ones the row that leaves at one end comes in at the other.</summary>
    private string Written(string form, float[] logits)
    {
        float[] values = form switch
        {
            "log-softmax" => InRows(logits, LogSoftmax),
            "softmax" => InRows(logits, Softmax),
            "log-softmax at temperature 0.8" => InRows(logits, row => LogSoftmax([.. row.Select(x => x / 0.8)])),
            "softmax at temperature 2" => InRows(logits, row => Softmax([.. row.Select(x => x / 2)])),
            "halved" => [.. logits.Select(x => x / 2)],
            "negated" => [.. logits.Select(x => -x)],
            "largest taken off" => InRows(logits, row => [.. row.Select(x => x - row.Max())]),
            "rolled down" => Roll(logits, 1, Width),
            "rolled up" => Roll(logits, -1, Width),
            "halved and rolled up" => [.. Roll(logits, -1, Width).Select(x => x / 2)],
            "padded" or "padded and transposed" => [.. Enumerable.Range(0, Rows).SelectMany(row => logits.Skip(row * Width).Take(Width).Concat(new float[64]))],
            "without the first row" => logits[Width..],
            _ => logits,
        };
        if (form.Contains("transposed", StringComparison.Ordinal))
            values = Transposed(values, values.Length / Rows);
        int rows = form.Contains("transposed", StringComparison.Ordinal) ? values.Length / Rows : form == "without the first row" ? Rows - 1 : Rows;
        return trace.Write("dump.npy", DumpFiles.Npy(values, rows, values.Length / rows));
    }

    private static double[] Softmax(double[] row)
    {
        double sum = row.Sum(Math.Exp);
        return [.. row.Select(x => Math.Exp(x) / sum)];
    }

    private static double[] LogSoftmax(double[] row)
    {
        double sum = Math.Log(row.Sum(Math.Exp));
        return [.. row.Select(x => x - sum)];
    }

    private static float[] InRows(float[] logits, Func<double[], double[]> change) =>
        [.. logits.Chunk(Width).SelectMany(row => change([.. row.Select(x => (double)x)])).Select(x => (float)x)];

    private static float[] Roll(float[] values, int down, int width) =>
        [.. Enumerable.Range(0, values.Length / width).SelectMany(row => values.Skip((row - down + Rows) % Rows * width).Take(width))];

    private static float[] Transposed(float[] values, int width) =>
        [.. Enumerable.Range(0, values.Length).Select(i => values[i % (values.Length / width) * width + i / (values.Length / width)])];

    private static TraceDifference Compare(string a, string b, DiffOptions? options = null)
    {
        using Dump reference = Dump.Open(a), candidate = Dump.Open(b);
        return TraceDiff.Compare(reference, candidate, options, TestContext.Current.CancellationToken);
    }
}
