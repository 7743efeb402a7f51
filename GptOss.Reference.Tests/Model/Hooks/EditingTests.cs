using GptOss.Reference.Model;
using GptOss.Reference.Model.Stages;
using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Tests.Numerics;
using Xunit;

namespace GptOss.Reference.Tests.Model.Hooks;

/// <summary>What an observer leaves is what the forward pass goes on with, at every stage.</summary>
public class EditingTests(SmallModels models) : IClassFixture<SmallModels>
{
    private static readonly int[] A = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], B = [61, 52, 43, 34, 25, 16, 7, 58, 49, 30, 21, 2];

    public static TheoryData<Stage> Stages => [.. Enum.GetValues<Stage>().Where(stage => stage != Stage.Experts)];

    [Theory, MemberData(nameof(Stages))]
    public void A_stage_of_another_run_put_in_gives_what_follows_from_it(Stage stage)
    {
        using Transformer model = Smallest();
        int layer = stage is Stage.Embedding or Stage.Norm or Stage.Logits ? -1 : 1;
        Passes a = Run(model, A, [], []), plain = Run(model, B, [], []);
        Passes patched = Run(model, B, a.Seen.Where(s => s.Key == (stage, layer)).ToDictionary(), []);
        Assert.NotEqual(SmallModels.Hash(plain.Logits), SmallModels.Hash(patched.Logits));

        // Where nothing but the stage reaches what follows, it is the other run's to the bit; beside the residual stream that is the block.
        (Stage Stage, int Layer)[] same = stage switch
        {
            Stage.Embedding or Stage.AttentionResidual or Stage.MlpResidual or Stage.Norm or Stage.Logits => [(Stage.Logits, -1)],
            Stage.AttentionNorm => [(Stage.Qkv, 1), (Stage.Query, 1), (Stage.Key, 1), (Stage.Heads, 1)],
            Stage.Qkv => [(Stage.Query, 1), (Stage.Key, 1), (Stage.Heads, 1)],
            Stage.MlpNorm => [(Stage.Router, 1), (Stage.ExpertWeights, 1), (Stage.SwiGlu, 1), (Stage.ExpertOutputs, 1)],
            Stage.Router => [(Stage.ExpertWeights, 1)],
            _ => [],
        };
        foreach ((Stage Stage, int Layer) key in same)
            Bits.Equal(a.Seen[key], patched.Seen[key], $"{key} after {stage}");
    }

    [Fact]
    public void Keys_are_edited_before_they_are_cached_and_queries_before_they_attend()
    {
        using Transformer model = Smallest();
        Passes a = Run(model, A, [], []), q = Run(model, B, a.Of((Stage.Query, 0)), []), k = Run(model, B, a.Of((Stage.Key, 0)), []);
        Passes both = Run(model, B, a.Of((Stage.Query, 0), (Stage.Key, 0)), []), plain = Run(model, B, [], []);
        string[] heads = [.. new[] { plain, q, k, both }.Select(pass => SmallModels.Hash(pass.Seen[(Stage.Heads, 0)]))];
        Assert.Equal(4, heads.Distinct().Count());

        // Queries and keys of one run give its shares, whatever the values are.
        Assert.Equal(a.Shares.Where(s => s.Layer == 0).Select(s => s.Of), both.Shares.Where(s => s.Layer == 0).Select(s => s.Of));
        Assert.NotEqual(a.Shares.Where(s => s.Layer == 0).Select(s => s.Of), k.Shares.Where(s => s.Layer == 0).Select(s => s.Of));
    }

    [Fact]
    public void Other_experts_get_the_softmax_of_their_own_router_logits()
    {
        using Transformer model = Smallest();
        int[] forced = [3, 0];
        Passes pass = Run(model, A, [], forced);
        float[] router = pass.Seen[(Stage.Router, 1)], weights = pass.Seen[(Stage.ExpertWeights, 1)];
        for (int row = 0; row < A.Length; row++)
        {
            double first = Math.Exp(router[row * 4 + 3]), second = Math.Exp(router[row * 4]);
            Assert.Equal(first / (first + second), weights[row * 2], 6);
            Assert.Equal(second / (first + second), weights[row * 2 + 1], 6);
        }
        Assert.Equal(pass.Seen[(Stage.Router, 0)], Run(model, A, [], []).Seen[(Stage.Router, 0)]);
        Assert.NotEqual(SmallModels.Hash(pass.Logits), SmallModels.Hash(Run(model, A, [], []).Logits));
    }

    [Theory]
    [InlineData(4, 0, "The observer chose expert 4 for position 0 in layer 0; experts go from 0 to 3.")]
    [InlineData(0, -1, "The observer chose expert -1 for position 0 in layer 0; experts go from 0 to 3.")]
    [InlineData(2, 2, "The observer chose expert 2 for position 0 in layer 0 twice.")]
    public void Experts_that_no_router_could_choose_are_refused(int first, int second, string message)
    {
        using Transformer model = Smallest();
        Assert.Equal(message, Assert.Throws<InvalidOperationException>(() => Run(model, A, [], [first, second])).Message);
    }

    [Theory]
    [InlineData(Precision.Float32)]
    [InlineData(Precision.Bfloat16)]
    public void The_shares_of_attention_and_sink_sum_to_one_and_mix_the_values_to_what_the_heads_say(Precision precision)
    {
        using Transformer model = SmallModels.Load(models.Write(SmallModels.Smallest, 1), 2, precision: precision);
        Passes pass = Run(model, A, [], []);
        Assert.Equal(2 * A.Length * 2, pass.Shares.Count);
        foreach ((int layer, RowOrigin origin, int head, float[] shares, float sink) in pass.Shares)
        {
            Assert.Equal(layer == 0 ? Math.Min(origin.Position + 1, 8) : origin.Position + 1, shares.Length);      // layer 0 sees eight back
            Assert.Equal(1, shares.Sum() + sink, precision == Precision.Float32 ? 6 : 2);
            Assert.InRange(sink, 1e-4f, 1);
            for (int i = 0; i < 32; i++)
            {
                double mixed = shares.Select((share, k) => (double)share * pass.Seen[(Stage.Qkv, layer)][(origin.Position - shares.Length + 1 + k) * 128 + 96 + i]).Sum();
                float said = pass.Seen[(Stage.Heads, layer)][origin.Position * 64 + head * 32 + i];
                Assert.InRange(Math.Abs(mixed - said), 0, Math.ScaleB(1 + Math.Abs(said), precision == Precision.Float32 ? -20 : -9));      // the last rounding, and room
            }
        }
    }

    [Fact]
    public void Looking_at_attention_changes_no_bit()
    {
        using Transformer model = Smallest();
        Bits.Equal(SmallModels.Logits(model, model.NewSequence(), A), Run(model, A, [], []).Logits, "watched");
    }

    [Fact]
    public void An_observer_that_runs_its_own_model_is_refused_and_leaves_it_usable()
    {
        using Transformer model = Smallest();
        Nested nested = new(model);
        Assert.Equal("A forward pass is running on this thread: its observer cannot run the model that it observes.",
            Assert.Throws<InvalidOperationException>(() => model.Forward([new BatchItem(model.NewSequence(), A, LogitRows.Last)], ref nested).Count).Message);
        Assert.Equal(1, model.Forward(new BatchItem(model.NewSequence(), A, LogitRows.Last)).Count);
    }

    private Transformer Smallest() => SmallModels.Load(models.Write(SmallModels.Smallest, 1));

    private static Passes Run(Transformer model, int[] ids, Dictionary<(Stage, int), float[]> put, int[] forced)
    {
        Passes pass = new(put, forced);
        Editor editor = new(pass);
        SmallModels.Append(pass.Into, model.Forward([new BatchItem(model.NewSequence(), ids, LogitRows.All)], ref editor));
        return pass;
    }

    /// <summary>One run: what is put into it and what it showed.</summary>
    private sealed record Passes(Dictionary<(Stage, int), float[]> Put, int[] Forced)
    {
        internal Dictionary<(Stage Stage, int Layer), float[]> Seen { get; } = [];

        internal List<(int Layer, RowOrigin Origin, int Head, float[] Of, float Sink)> Shares { get; } = [];

        internal List<float> Into { get; } = [];

        internal float[] Logits => [.. Into];

        internal Dictionary<(Stage, int), float[]> Of(params (Stage, int)[] keys) => Seen.Where(s => keys.Contains(s.Key)).ToDictionary();
    }

    private readonly struct Editor(Passes pass) : IStageObserver
    {
        public static bool IsActive => true;

        public static bool SeesAttention => true;

        public void Observe(Stage stage, int layer, ReadOnlySpan<RowOrigin> origins, Rows values)
        {
            if (pass.Put.TryGetValue((stage, layer), out float[]? other))
                new Rows(other, values.Count, values.Width, values.Width).CopyTo(values);
            float[] copy = new float[values.Count * values.Width];
            values.CopyTo(new(copy, values.Count, values.Width, values.Width));
            pass.Seen.Add((stage, layer), copy);
        }

        public void ObserveExperts(int layer, ReadOnlySpan<RowOrigin> origins, Rows router, Span<int> experts, int perToken)
        {
            for (int i = 0; pass.Forced.Length > 0 && i < experts.Length; i++)
                experts[i] = pass.Forced[i % perToken];
        }

        public void ObserveAttention(int layer, RowOrigin origin, int head, ReadOnlySpan<float> probabilities, float sink) =>
            pass.Shares.Add((layer, origin, head, probabilities.ToArray(), sink));
    }

    private readonly struct Nested(Transformer model) : IStageObserver
    {
        public static bool IsActive => true;

        public void Observe(Stage stage, int layer, ReadOnlySpan<RowOrigin> origins, Rows values) =>
            model.Forward(new BatchItem(model.NewSequence(), new[] { 1 }, LogitRows.None));

        public void ObserveExperts(int layer, ReadOnlySpan<RowOrigin> origins, Rows router, Span<int> experts, int perToken)
        {
        }
    }
}
