using FsCheck;
using FsCheck.Fluent;
using GptOss.Reference.Checkpoints;
using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Checkpoints.Storage;
using GptOss.Reference.Ground;
using GptOss.Reference.Model.Stages;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Numerics.RowKernels;
using GptOss.Reference.Oracle.Diff;
using GptOss.Reference.Oracle.Dumps;
using GptOss.Reference.Oracle.Stages;
using GptOss.Reference.Tests.Oracle.Dumps;
using Xunit;

namespace GptOss.Reference.Tests.Oracle.Diff;

public sealed class TraceDiffTests(SmallTrace trace) : IClassFixture<SmallTrace>
{
    [Theory]
    [InlineData("shape-no-yarn")]
    [InlineData("tiny-trace")]
    [InlineData("defects")]
    public void A_pack_with_itself_is_identical(string pack)
    {
        TraceDifference difference = Compare(TestData.Golden(pack), TestData.Golden(pack));
        Assert.True(difference.IsIdentical && difference.IsWithinBudget);
        Assert.All(difference.Stages, stage => Assert.Equal((0.0, 0.0, 0.0), (stage.Max, stage.Rms, stage.Relative)));
    }

    [Fact]
    public void A_flipped_bit_of_a_value_is_found_and_located()
    {
        IReadOnlyList<TensorInfo> tensors = trace.Tensors();
        long dataStart = trace.Stages.Length - tensors[^1].End;
        Check.One(FsCheck.Config.QuickThrowOnFailure.WithMaxTest(60), Prop.ForAll(ArbMap.Default.GeneratorFor<int>().ToArbitrary(), seed =>
        {
            var random = new Random(seed);
            TensorInfo tensor = tensors[random.Next(tensors.Count)];
            int element = random.Next((int)tensor.ByteCount / 4);
            byte[] damaged = [.. trace.Stages];
            damaged[dataStart + tensor.Begin + element * 4 + random.Next(4)] ^= (byte)(1 << random.Next(8));
            TraceDifference difference;
            try
            {
                difference = Compare(trace.Folder, trace.Copy(damaged));
            }
            catch (CheckpointFormatException)
            {
                Assert.Equal(DType.I32, tensor.DType);             // no expert has such a number
                return;
            }
            int[] shape = [.. tensor.Shape.Select(size => (int)size)];
            int width = shape.Skip(1).Aggregate(1, (a, b) => a * b), at = element % width;
            int[] index = shape.Length == 2 ? [at] : [at / shape[2], at % shape[2]];
            Assert.False(difference.IsIdentical);
            Assert.Equal((tensor.Name, element / width), (difference.FirstDifference!.Stage, difference.FirstDifference.Position));
            Assert.Equal(index, difference.FirstDifference.Index);
            Assert.Single(difference.Stages, stage => stage.FirstDifference is not null);
        }));
    }

    [Fact]
    public void A_flipped_bit_of_the_header_is_found_or_refused()
    {
        int header = trace.Stages.Length - (int)trace.Tensors()[^1].End;
        for (int bit = 0; bit < header * 8; bit += 257)
        {
            byte[] damaged = [.. trace.Stages];
            damaged[bit / 8] ^= (byte)(1 << (bit % 8));
            try
            {
                Assert.False(Compare(trace.Folder, trace.Copy(damaged)).IsIdentical);
            }
            catch (CheckpointFormatException e)
            {
                Assert.Matches(@"\A[^\r\n]+\.\z", e.Message);
            }
        }
    }

    [Theory]
    [InlineData("\"sliding_window\": 4", "\"sliding_window\": 5", "config")]
    [InlineData("\"positions\": [0,1,2,3,4,5]", "\"positions\": [0,1,2,3,4]", null)]
    public void Another_manifest_is_not_identical(string from, string to, string? named)
    {
        string manifest = File.ReadAllText(Path.Combine(trace.Folder, "manifest.json"));
        Assert.Contains(from, manifest, StringComparison.Ordinal);
        TraceDifference difference = Compare(trace.Folder, trace.Copy(trace.Stages, manifest.Replace(from, to, StringComparison.Ordinal)));
        Assert.False(difference.IsIdentical);
        if (named is not null)
            Assert.Equal([named], difference.NotCompared.Select(not => not.Name));
        else
            Assert.Empty(difference.Stages);                       // five positions, and six rows of everything
    }

    [Theory]
    [InlineData("[5,77,400,3,9,210]", "[5,77,400,4,9,210]", 3, 3, 4)]
    [InlineData("[5,77,400,3,9,210]", "[6,77,400,3,9,210]", 0, 5, 6)]
    public void Different_prompts_are_the_verdict_and_what_lies_before_the_first_other_id_is_compared(string from, string to, int position, int ours, int theirs)
    {
        string manifest = File.ReadAllText(Path.Combine(trace.Folder, "manifest.json")).Replace($"\"ids\": {from}", $"\"ids\": {to}", StringComparison.Ordinal);
        byte[] stages = trace.ChangedStages("block.0.attn.q", values => Array.Fill(values, 9, position * 64, (6 - position) * 64));
        TraceDifference difference = Compare(trace.Folder, trace.Copy(stages, manifest));
        Assert.Equal(new(position, ours, theirs), difference.Prompts);
        Assert.False(difference.IsWithinBudget || difference.IsIdentical);
        Assert.Null(difference.FirstOverBudget);                   // no stage is blamed
        Assert.Equal(position == 0 ? [] : [position], difference.Stages.Select(stage => stage.Rows).Distinct());
    }

    [Fact]
    public void A_prompt_that_goes_on_after_the_other_s_end_is_no_different_one()
    {
        string manifest = File.ReadAllText(Path.Combine(trace.Folder, "manifest.json"));
        string longer = trace.Copy(trace.Stages, manifest.Replace("3,9,210]", "3,9,210,8]", StringComparison.Ordinal));
        TraceDifference difference = Compare(trace.Folder, longer);
        Assert.Null(difference.Prompts);
        Assert.True(difference.IsWithinBudget);
        Assert.Contains(new("ids", "6 in A and 7 in B"), difference.NotCompared);
    }

    [Fact]
    public void A_member_that_cannot_be_read_is_listed_and_the_rest_compared()
    {
        string dump = trace.Write("some.npz", DumpFiles.Npz(System.IO.Compression.CompressionLevel.NoCompression,
            ("logits", DumpFiles.Npy(trace.Values("logits"), 6, 512)), ("result_norm", DumpFiles.Npy("<U3", "2,", new byte[24])),
            ("names", DumpFiles.Npy("|O", "1,", new byte[8]))));
        TraceDifference difference = Compare(trace.Folder, dump);
        Assert.Equal("logits", Assert.Single(difference.Stages).Stage);
        Assert.Null(difference.Stages[0].FirstDifference);
        Assert.Contains(new("norm", "in B, it has elements of type '<U3'; expected float16, float32, float64, bfloat16 or integers"), difference.NotCompared);
        Assert.Contains(new("names", "in B, it has elements of type '|O'; expected float16, float32, float64, bfloat16 or integers"), difference.NotCompared);
        Assert.DoesNotContain(new("norm", "not in B"), difference.NotCompared);
    }

    [Theory]
    [InlineData(float.NaN, true)]
    [InlineData(float.PositiveInfinity, true)]
    [InlineData(float.NegativeInfinity, true)]
    [InlineData(-0.0f, false)]
    public void NaN_and_infinity_equal_no_number_and_a_negative_zero_is_another_one(float value, bool over)
    {
        string zero = trace.Copy(trace.ChangedStages("block.1.attn.q", values => values[70] = 0));
        using Dump reference = Dump.Open(zero);
        string other = trace.Write("other.safetensors", trace.ChangedStages("block.1.attn.q", values => values[70] = value));
        using Dump candidate = Dump.Open(other);
        TraceDifference difference = TraceDiff.Compare(reference, candidate, cancellation: TestContext.Current.CancellationToken);
        Assert.False(difference.IsIdentical);
        Assert.Equal("block.1.attn.q", difference.FirstDifference!.Stage);
        Assert.Equal(1, difference.FirstDifference.Position);
        Assert.Equal([0, 6], difference.FirstDifference.Index);
        Assert.Equal(over, !difference.IsWithinBudget);
        StageDifference stage = difference.Stages.First(stage => stage.Stage == "block.1.attn.q");
        Assert.Equal(over ? double.PositiveInfinity : 0, stage.Max);
        Assert.Equal(over ? 1 : 0, stage.Float32Ulps!.NotComparable);
        Assert.False(TraceDiff.Compare(candidate, reference, cancellation: TestContext.Current.CancellationToken).IsIdentical);
    }

    [Fact]
    public void A_NaN_equals_itself_and_another_payload_is_another_NaN()
    {
        byte[] with = trace.ChangedStages("norm", values => values[3] = float.NaN);
        string first = trace.Write("first.safetensors", with), same = trace.Write("same.safetensors", with);
        byte[] payload = [.. with];
        payload[trace.Place("norm").Start + 12] ^= 1;
        Assert.True(Compare(first, same).IsIdentical);
        TraceDifference difference = Compare(first, trace.Write("payload.safetensors", payload));
        Assert.True(!difference.IsIdentical && difference.IsWithinBudget);
        Assert.Equal("norm", difference.FirstDifference!.Stage);
    }

    [Theory]
    [InlineData("block.0.attn.qkv", 2)]
    [InlineData("block.1.attn.q", 5)]
    [InlineData("block.1.attn.heads", 4)]
    [InlineData("block.0.mlp.swiglu", 1)]
    [InlineData("norm", 0)]
    [InlineData("logits", 3)]
    public void What_lies_over_the_published_budget_is_over_and_what_lies_within_is_not(string name, int position)
    {
        float[] values = trace.Values(name);
        int width = values.Length / SmallTrace.Ids.Length, element = position * width + 7;
        double rms = Math.Sqrt(values.Sum(value => (double)value * value) / values.Length);
        Assert.True(StageKey.TryParse(name, 2, out StageKey key));
        GptOssConfig config = trace.Config;
        var rotary = new RotaryTable(config.HeadDim, config.RopeTheta, config.RopeScalingFactor, config.InitialContextLength, config.RopeNtkAlpha, config.RopeNtkBeta);
        double allowed = rms * Budgets.Published.Float32.Of(key, position, rotary, config);

        foreach (double share in (double[])[0.5, 2])
        {
            TraceDifference difference = Compare(trace.Folder, trace.Changed(name, changed => changed[element] += (float)(allowed * share)));
            StageDifference stage = difference.Stages.First(stage => stage.Stage == name);
            double moved = Math.Abs((double)(float)(values[element] + (float)(allowed * share)) - values[element]);
            Assert.Equal(moved, stage.Max);
            Assert.Equal(moved / rms, stage.Relative, 1e-12);
            Assert.Equal(moved / Math.Sqrt(values.Length), stage.Rms, 1e-12);
            Assert.Equal(share > 1, stage.IsOverBudget);
            Assert.Equal(share > 1 ? (name, position) : default, (difference.FirstOverBudget?.Stage, difference.FirstOverBudget?.Position ?? 0));
            Assert.Equal(values[element], stage.Worst[0].Reference);
        }
    }

    [Fact]
    public void The_first_stage_over_budget_is_the_first_in_forward_order_and_the_position_the_first_of_it()
    {
        byte[] stages = trace.ChangedStages("logits", values => values[0] += 1);
        stages = trace.ChangedStages("block.1.attn.norm", values => (values[64 * 5], values[64 * 2 + 9]) = (9, 8), stages);
        TraceDifference difference = Compare(trace.Folder, trace.Copy(stages));
        Assert.Equal(("block.1.attn.norm", 2), (difference.FirstOverBudget!.Stage, difference.FirstOverBudget.Position));
        Assert.Equal([9], difference.FirstOverBudget.Index);
        Assert.Equal(["block.1.attn.norm", "logits"], difference.Stages.Where(stage => stage.IsOverBudget).Select(stage => stage.Stage));
    }

    [Theory]
    [InlineData("block.0.attn.q", 33, "head 1, channel 1")]
    [InlineData("block.0.attn.heads", 33, "head 1, channel 1")]
    [InlineData("block.0.attn.qkv", 33, "query head 1, channel 1")]
    [InlineData("block.0.attn.qkv", 65, "key head 0, channel 1")]
    [InlineData("block.0.attn.qkv", 97, "value head 0, channel 1")]
    [InlineData("block.0.mlp.router", 3, "expert 3")]
    [InlineData("block.1.mlp.residual", 3, "channel 3")]
    [InlineData("logits", 300, "token 300")]
    public void Elements_have_meanings(string name, int element, string meaning)
    {
        TraceDifference difference = Compare(trace.Folder, trace.Changed(name, values => values[element] += 100));
        Assert.Equal(meaning, difference.Stages.First(stage => stage.Stage == name).Worst[0].Meaning);
    }

    [Fact]
    public void A_swiglu_element_names_its_expert()
    {
        using Dump dump = Dump.Open(trace.Folder);
        Assert.True(dump.TryGet("block.1.mlp.experts", out DumpTensor? experts));
        int[] chosen = new int[2];
        experts.ReadIntegers(4, chosen);
        TraceDifference difference = Compare(trace.Folder, trace.Changed("block.1.mlp.swiglu", values => values[4 * 64 + 32 + 5] += 100));
        Assert.Equal($"choice 1 (expert {chosen[1]}), channel 5", difference.Stages.First(stage => stage.Stage == "block.1.mlp.swiglu").Worst[0].Meaning);
    }

    [Theory]
    [InlineData(1e-7f, true)]
    [InlineData(0.5f, false)]
    public void Another_expert_is_a_near_tie_where_its_router_logit_is_as_good_as_equal(float apart, bool tie)
    {
        int chosen = 0, other = 0;
        byte[] reference = trace.ChangedStages("block.0.mlp.router", values =>
        {
            // Position 2: the second choice and an expert that was not chosen lie so far apart.
            using Dump dump = Dump.Open(trace.Folder);
            Assert.True(dump.TryGet("block.0.mlp.experts", out DumpTensor? experts));
            int[] ids = new int[2];
            experts.ReadIntegers(2, ids);
            (chosen, other) = (ids[1], Enumerable.Range(0, 4).First(id => !ids.Contains(id)));
            values[2 * 4 + other] = values[2 * 4 + chosen] - apart;
        });
        string a = trace.Write("a.safetensors", reference);
        byte[] changed = trace.ChangedStages("logits", values => values[2 * 512] += 1, reference);
        (int start, int _) = trace.Place("block.0.mlp.experts");
        BitConverter.TryWriteBytes(changed.AsSpan(start + (2 * 2 + 1) * 4), other);
        TraceDifference difference = Compare(a, trace.Write("b.safetensors", changed));

        StageDifference stage = difference.Stages.First(stage => stage.Stage == "block.0.mlp.experts");
        Assert.Equal(tie ? [2] : [], stage.NearTies);
        Assert.Equal(!tie, stage.IsOverBudget);
        Assert.Equal(2, stage.FirstDifference!.Position);
        Assert.Equal([1], stage.FirstDifference.Index);
        Assert.Equal(tie, difference.IsWithinBudget);              // what follows a tie is not held to a budget
        Assert.Equal(tie ? 5 : 6, difference.Stages[^1].Rows);
        Assert.False(difference.IsIdentical);
        Assert.NotNull(difference.Stages[^1].FirstDifference);     // its bits still count
    }

    [Theory]
    [InlineData(0.5, true)]
    [InlineData(2, false)]
    public void The_window_of_a_near_tie_is_the_router_s_budget(double budgets, bool tie)
    {
        using Dump sound = Dump.Open(trace.Folder);
        Assert.True(sound.TryGet("block.1.mlp.experts", out DumpTensor? experts));
        int[] chosen = new int[2];
        experts.ReadIntegers(3, chosen);
        int other = Enumerable.Range(0, 4).First(id => !chosen.Contains(id));
        GptOssConfig config = trace.Config;
        var rotary = new RotaryTable(config.HeadDim, config.RopeTheta, config.RopeScalingFactor, config.InitialContextLength, config.RopeNtkAlpha, config.RopeNtkBeta);
        byte[] reference = trace.ChangedStages("block.1.mlp.router", values =>
        {
            values[3 * 4 + other] = values[3 * 4 + chosen[1]];
            double rms = Math.Sqrt(values.Average(value => (double)value * value));
            values[3 * 4 + other] -= (float)(budgets * rms * Budgets.Published.Float32.Of(new(Stage.Router, 1), 3, rotary, config));
        });
        byte[] changed = [.. reference];
        BitConverter.TryWriteBytes(changed.AsSpan(trace.Place("block.1.mlp.experts").Start + (3 * 2 + 1) * 4), other);
        TraceDifference difference = Compare(trace.Write("a.safetensors", reference), trace.Write("b.safetensors", changed), new() { Config = config });
        StageDifference stage = difference.Stages.First(stage => stage.Stage == "block.1.mlp.experts");
        Assert.Equal(tie ? [3] : [], stage.NearTies);
        Assert.Equal(!tie, stage.IsOverBudget);
        Assert.Equal(budgets, stage.Relative / stage.Budget!.Value, 0.05);
    }

    [Fact]
    public void Positions_are_aligned()
    {
        TraceDifference difference = Compare(trace.Folder, trace.SomePositions);
        Assert.Equal(["positions"], difference.NotCompared.Select(not => not.Name));
        Assert.Null(difference.FirstDifference);
        Assert.All(difference.Stages, stage => Assert.Equal(3, stage.Rows));
        Assert.True(Compare(trace.Folder, trace.SomePositions, new() { Positions = new([0, 5]) }).IsIdentical);
        Assert.True(Compare(trace.Folder, trace.SomePositions, new() { Positions = PositionChoice.Last }).IsIdentical);
        Assert.False(Compare(trace.Folder, trace.SomePositions, new() { Positions = new([0, 1]) }).IsIdentical);
    }

    [Fact]
    public void Rows_of_a_dump_that_says_nothing_are_all_positions_or_those_of_the_reference_or_those_asked_for()
    {
        float[] logits = trace.Values("logits");
        Assert.Null(Logits(trace.Folder, [0, 1, 2, 3, 4, 5]).FirstDifference);
        TraceDifference same = Logits(trace.SomePositions, [0, 3, 5]);
        Assert.Null(same.FirstDifference);
        Assert.Contains("taken for those of some.", Assert.Single(same.Notes), StringComparison.Ordinal);
        Assert.Null(Logits(trace.Folder, [1, 4], new([1, 4])).FirstDifference);
        Assert.Null(Logits(trace.Folder, [5], PositionChoice.Last).FirstDifference);
        Assert.Null(Logits(trace.Folder, [0, 1, 2, 3, 4, 5], PositionChoice.Last).FirstDifference);
        Assert.Equal("logits.npy: it has 2 rows and does not say of which positions, and trace has 6 tokens and 6 positions; name them with --positions.",
            Assert.Throws<CheckpointFormatException>(() => Logits(trace.Folder, [1, 4])).Message);

        TraceDifference Logits(string reference, int[] rows, PositionChoice? asked = null) => Compare(reference,
            trace.Write("logits.npy", DumpFiles.Npy([.. rows.SelectMany(row => logits.Skip(row * 512).Take(512))], rows.Length, 512)), new() { Positions = asked });
    }

    [Fact]
    public void A_stage_of_one_row_is_that_of_the_last_token()
    {
        DumpFiles.SafeTensors(trace.Write("early.safetensors", ""),
            ("attn_norm-1", DType.F32, [6, 64], DumpFiles.Bytes<float>(trace.Values("block.1.attn.norm"))),
            ("result_norm", DType.F32, [1, 64], DumpFiles.Bytes<float>(trace.Values("norm").AsSpan(5 * 64))));
        TraceDifference difference = Compare(trace.Folder, Path.Combine(Path.GetDirectoryName(trace.Folder)!, "early.safetensors"));
        Assert.Equal([6, 1], difference.Stages.Select(stage => stage.Rows));
        Assert.Null(difference.FirstDifference);
    }

    [Fact]
    public void The_profile_follows_the_values()
    {
        Assert.Equal(Precision.Float32, Compare(trace.Folder, trace.SomePositions).Precision);
        Assert.Equal(Precision.Bfloat16, Compare(trace.Folder, trace.InBfloat16).Precision);
        float[] logits = trace.Values("logits");
        string half = trace.Write("half.npy", DumpFiles.Npy("<f2", "6, 512", DumpFiles.Bytes<Half>([.. logits.Select(value => (Half)value)])));
        string rounded = trace.Write("rounded.npy", DumpFiles.Npy([.. logits.Select(Bfloat16.Round)], 6, 512));
        string wide = trace.Write("wide.npy", DumpFiles.Npy("<f8", "6, 512", DumpFiles.Bytes<double>([.. logits.Select(value => (double)value)])));
        foreach ((string file, Precision expected) in ((string, Precision)[])[(half, Precision.Bfloat16), (rounded, Precision.Bfloat16), (wide, Precision.Float32)])
        {
            TraceDifference difference = Compare(trace.Folder, file);
            Assert.Equal(expected, difference.Precision);
            Assert.True(difference.IsWithinBudget);
            Assert.Equal(file == wide, difference.FirstDifference is null);
        }
        Assert.False(Compare(trace.Folder, half, new() { Precision = Precision.Float32 }).IsWithinBudget);

        // A softmax that is computed in float32 between values that are bfloat16.
        byte[] Rounded(string stage) => DumpFiles.Bytes<float>([.. trace.Values(stage).Select(Bfloat16.Round)]);
        DumpFiles.SafeTensors(trace.Write("mixed.safetensors", ""), ("logits", DType.F32, [6, 512], Rounded("logits")), ("norm", DType.F32, [6, 64], Rounded("norm")),
            ("block.0.mlp.weights", DType.F32, [6, 2], DumpFiles.Bytes<float>(trace.Values("block.0.mlp.weights"))));
        Assert.Equal(Precision.Bfloat16, Compare(trace.Folder, Path.Combine(Path.GetDirectoryName(trace.Folder)!, "mixed.safetensors")).Precision);
    }

    [Fact]
    public void The_recorded_mistakes_of_a_pack_are_nobody_else_s()
    {
        using Dump pack = Dump.Open(TestData.Golden("defects"));
        DumpTensor sound = pack.Tensors.Single(tensor => tensor.Name == "sound"), mistake = pack.Tensors.Single(tensor => tensor.Name == "sink-ignored");
        TraceDifference same = Compare(pack.Path, trace.Write("sound.npy", Npy(sound))), other = Compare(pack.Path, trace.Write("mistake.npy", Npy(mistake)));
        Assert.True(same.IsIdentical);
        Assert.Equal(("logits", 0), (other.FirstOverBudget!.Stage, other.FirstOverBudget.Position));

        static byte[] Npy(DumpTensor tensor)
        {
            float[] values = new float[tensor.Rows * tensor.Width];
            for (int row = 0; row < tensor.Rows; row++)
                tensor.ReadRow(row, values.AsSpan(row * tensor.Width, tensor.Width));
            return DumpFiles.Npy(values, tensor.Rows, tensor.Width);
        }
    }

    [Fact]
    public void A_file_of_budgets_replaces_the_published_ones()
    {
        string changed = trace.Changed("logits", values => values[9] *= 1.01f);
        Budgets wide = Budgets.Read(trace.Write("budgets.json", """{"float32": {"g": 1, "stages": {"logits": {"b": 10}}}}"""));
        Assert.False(Compare(trace.Folder, changed).IsWithinBudget);
        Assert.True(Compare(trace.Folder, changed, new() { Budgets = wide }).IsWithinBudget);
    }

    [Fact]
    public void What_one_side_lacks_or_has_in_another_shape_is_listed()
    {
        DumpFiles.SafeTensors(trace.Write("odd.safetensors", ""), ("logits", DType.F32, [6, 511], new byte[6 * 511 * 4]),
            ("norm", DType.F32, [5, 64], new byte[5 * 64 * 4]), ("block.7.attn.q", DType.F32, [6, 64], new byte[6 * 64 * 4]),
            ("embedding", DType.F32, [6, 64], DumpFiles.Bytes<float>(trace.Values("embedding"))), ("mine", DType.F32, [1], new byte[4]));
        TraceDifference difference = Compare(trace.Folder, Path.Combine(Path.GetDirectoryName(trace.Folder)!, "odd.safetensors"));
        Assert.Equal(["embedding"], difference.Stages.Select(stage => stage.Stage));
        Dictionary<string, string> not = difference.NotCompared.ToDictionary(not => not.Name, not => not.Reason);
        Assert.Equal("in B, 'logits' is [6, 511], which is not rows of [512]", not["logits"]);
        Assert.Equal("5 rows in B, which has 6 positions", not["norm"]);
        Assert.Equal("in B, the model has 2 layers", not["block.7.attn.q"]);
        Assert.Equal("not a stage, only in B; --map can name it", not["mine"]);
        Assert.Equal("not in B", not["block.0.attn.q"]);
        Assert.False(difference.IsIdentical);
        Assert.False(Compare(trace.Folder, trace.Write("none.npy", DumpFiles.Npy(new float[7], 1, 7))).IsWithinBudget);
    }

    [Fact]
    public void Logits_without_any_manifest_are_compared_too()
    {
        float[] logits = trace.Values("logits");
        string a = trace.Write("x/logits.npy", DumpFiles.Npy(logits, 1, 6, 512)), b = trace.Write("y/logits.npy", DumpFiles.Npy(logits, 6, 512));
        TraceDifference difference = Compare(a, b);
        Assert.True(difference.IsIdentical);
        Assert.Equal("No manifest says which model this is; budgets are those of 24 layers. --model names a checkpoint.", Assert.Single(difference.Notes));
    }

    [Fact]
    public void Statistics_are_those_of_their_definitions()
    {
        float[] a = trace.Values("logits");
        var random = new Random(4);
        float[] b = [.. a.Select(value => value + (float)(random.NextDouble() - 0.5))];
        StageDifference stage = Compare(trace.Folder, trace.Copy(trace.ChangedStages("logits", values => b.CopyTo(values, 0)))).Stages[^1];
        double dot = a.Zip(b).Sum(pair => (double)pair.First * pair.Second), na = a.Sum(v => (double)v * v), nb = b.Sum(v => (double)v * v);
        Assert.Equal(dot / Math.Sqrt(na * nb), stage.Cosine!.Value, 1e-12);
        Assert.Equal(Math.Sqrt(a.Zip(b).Sum(pair => Math.Pow((double)pair.First - pair.Second, 2)) / a.Length), stage.Rms, 1e-12);
        var kl = new List<double>();
        double top1 = 0, top5 = 0;
        for (int row = 0; row < 6; row++)
        {
            double[] p = Softmax(a.AsSpan(row * 512, 512)), q = Softmax(b.AsSpan(row * 512, 512));
            kl.Add(p.Zip(q).Sum(pair => pair.First * Math.Log(pair.First / pair.Second)));
            int[] bestP = [.. Enumerable.Range(0, 512).OrderByDescending(i => p[i]).Take(5)], bestQ = [.. Enumerable.Range(0, 512).OrderByDescending(i => q[i]).Take(5)];
            top1 += bestP[0] == bestQ[0] ? 1 / 6.0 : 0;
            top5 += bestP.Intersect(bestQ).Count() / 30.0;
        }
        Assert.Equal(kl.Average(), stage.Agreement!.MeanKl, 1e-9);
        Assert.Equal(kl.Max(), stage.Agreement.LargestKl, 1e-9);
        Assert.Equal(top1, stage.Agreement.Top1, 1e-12);
        Assert.Equal(top5, stage.Agreement.Top5, 1e-12);

        static double[] Softmax(ReadOnlySpan<float> row)
        {
            double[] exp = new double[row.Length];
            for (int i = 0; i < row.Length; i++)
                exp[i] = Math.Exp(row[i]);
            double sum = exp.Sum();
            return [.. exp.Select(value => value / sum)];
        }
    }

    private static TraceDifference Compare(string a, string b, DiffOptions? options = null)
    {
        using Dump reference = Dump.Open(a, options?.Precision), candidate = Dump.Open(b, options?.Precision);
        options ??= new();
        if (a.Contains("tiny-trace", StringComparison.Ordinal))
        {
            using Checkpoint tiny = Checkpoint.Open(TestData.Tiny);
            options = options with { Config = tiny.Config };
        }
        return TraceDiff.Compare(reference, candidate, options, TestContext.Current.CancellationToken);
    }
}
