using GptOss.Cli.Options;
using GptOss.Reference.Model;
using GptOss.Reference.Model.Stages;
using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Tests.Numerics;
using Xunit;

namespace GptOss.Reference.Tests.Model;

[Trait("Category", "Numeric")]
public class StageObserverTests(SmallModels models) : IClassFixture<SmallModels>
{
    [Theory]
    [InlineData(Precision.Float32)]
    [InlineData(Precision.Bfloat16)]
    public void Stages_are_shown_in_forward_order_with_their_shapes_and_origins_and_change_no_bit(Precision precision)
    {
        using Transformer model = SmallModels.Load(models.Write(SmallModels.Smallest, 1), precision: precision);
        Sequence a = model.NewSequence(), b = model.NewSequence();
        model.Forward(new BatchItem(b, new[] { 9, 8 }, LogitRows.None));
        Recorder seen = new([]);
        BatchItem[] Batch(Sequence first, Sequence second) =>
            [new(first, new[] { 1, 2, 3 }, LogitRows.At(new[] { 1 })), new(second, new[] { 4 }, LogitRows.Last)];
        float[] observed = Flat(model.Forward(Batch(a, b), ref seen));

        List<(Stage, int, int)> expected = [(Stage.Embedding, -1, 32)];
        for (int layer = 0; layer < 2; layer++)
        {
            expected.AddRange(
            [
                (Stage.AttentionNorm, layer, 32), (Stage.Qkv, layer, 128), (Stage.Query, layer, 64), (Stage.Key, layer, 32), (Stage.Heads, layer, 64),
                (Stage.AttentionResidual, layer, 32), (Stage.MlpNorm, layer, 32), (Stage.Router, layer, 4), (Stage.Experts, layer, 2),
                (Stage.ExpertWeights, layer, 2), (Stage.SwiGlu, layer, 64), (Stage.ExpertOutputs, layer, 64), (Stage.MlpResidual, layer, 32),
            ]);
        }
        expected.AddRange([(Stage.Norm, -1, 32), (Stage.Logits, -1, 64)]);
        Assert.Equal(expected, seen.Stages.Select(s => (s.Stage, s.Layer, s.Values[0].Length)));
        foreach ((Stage stage, int _, RowOrigin[] origins, float[][] values) in seen.Stages)
        {
            Assert.Equal(stage is Stage.Norm or Stage.Logits ? [new(a, 1), new(b, 2)] : [new(a, 0), new(a, 1), new(a, 2), new(b, 2)], origins);
            Assert.Equal(origins.Length, values.Length);
            Assert.All(values, row => Assert.All(row, v => Assert.True(float.IsFinite(v))));
            if (precision == Precision.Bfloat16)
                Assert.All(values, row => Assert.All(row, v => Assert.Equal(Bfloat16.Round(v), v)));      // every stage is stored rounded
        }
        Bits.Equal(observed, [.. seen.Stages[^1].Values.SelectMany(row => row)], "logits");

        Sequence c = model.NewSequence(), d = model.NewSequence();
        model.Forward(new BatchItem(d, new[] { 9, 8 }, LogitRows.None));
        Bits.Equal(Flat(model.Forward(Batch(c, d))), observed, "unobserved");

        // What is shown hangs together: the residual stream gains what the last stages say.
        float[][] weights = seen.Of(Stage.ExpertWeights, 1), experts = seen.Of(Stage.Experts, 1), router = seen.Of(Stage.Router, 1);
        for (int row = 0; row < 4; row++)
        {
            (int[] chosen, float[] share) = Definition.Route(router[row], 2, precision);
            Assert.Equal(chosen.Select(e => (float)e), experts[row]);
            Bits.Equal(share, weights[row], "expert weights");
        }
    }

    [Fact]
    public void A_long_prompt_is_shown_chunk_by_chunk()
    {
        using Transformer model = SmallModels.Load(models.Write(SmallModels.Smallest, 1), 2);
        Recorder seen = new([]);
        model.Forward([new BatchItem(model.NewSequence(), new int[600], LogitRows.None)], ref seen);
        Assert.Equal([0, 512], seen.Stages.Where(s => s.Stage == Stage.Embedding).Select(s => s.Origins[0].Position));
        Assert.DoesNotContain(seen.Stages, s => s.Stage is Stage.Norm or Stage.Logits);
    }

    [Fact]
    public void Every_stage_has_a_name()
    {
        string[] names = [.. Enum.GetValues<Stage>().Select(stage => StageNames.Of(stage, 3))];
        Assert.Equal(names.Length, names.Distinct().Count());
        Assert.Equal("embedding", names[0]);
        Assert.Equal("block.3.attn.qkv", StageNames.Of(Stage.Qkv, 3));
        Assert.Throws<ArgumentOutOfRangeException>(() => StageNames.Of((Stage)99, 0));
    }

    private static float[] Flat(Rows rows)
    {
        List<float> all = [];
        SmallModels.Append(all, rows);
        return [.. all];
    }

    private readonly struct Recorder(List<(Stage Stage, int Layer, RowOrigin[] Origins, float[][] Values)> stages) : IStageObserver
    {
        public static bool IsActive => true;

        internal List<(Stage Stage, int Layer, RowOrigin[] Origins, float[][] Values)> Stages => stages;

        internal float[][] Of(Stage stage, int layer) => stages.Single(s => s.Stage == stage && s.Layer == layer).Values;

        public void Observe(Stage stage, int layer, ReadOnlySpan<RowOrigin> origins, Rows values)
        {
            float[][] rows = new float[values.Count][];
            for (int row = 0; row < rows.Length; row++)
                rows[row] = values[row].ToArray();
            stages.Add((stage, layer, origins.ToArray(), rows));
        }

        public void ObserveExperts(int layer, ReadOnlySpan<RowOrigin> origins, Rows router, Span<int> experts, int perToken)
        {
            float[][] rows = new float[origins.Length][];
            for (int row = 0; row < rows.Length; row++)
                rows[row] = [.. experts.Slice(row * perToken, perToken).ToArray().Select(e => (float)e)];
            stages.Add((Stage.Experts, layer, origins.ToArray(), rows));
        }
    }
}
