using GptOss.Reference.Model;
using GptOss.Reference.Model.Hooks;
using GptOss.Reference.Model.Stages;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Tests.Numerics;
using Xunit;

namespace GptOss.Reference.Tests.Model.Hooks;

public class ForwardHooksTests(SmallModels models) : IClassFixture<SmallModels>
{
    private static readonly int[] Ids = [1, 2, 3, 4, 5];

    [Fact]
    public void Hooks_that_only_look_change_no_bit_and_see_every_token_head_and_expert()
    {
        using Transformer model = Smallest();
        List<string> calls = [];
        ForwardHooks hooks = new()
        {
            Residual = (stage, layer, token, x) => calls.Add($"{StageNames.Of(stage, layer)} {token.Position} {x.Length}"),
            Attention = (layer, head, token, probabilities, sink) => calls.Add($"attention {layer}.{head} {token.Position} {probabilities.Length}"),
            Head = (layer, head, token, output) => calls.Add($"head {layer}.{head} {token.Position} {output.Length}"),
            Router = (layer, token, logits) => calls.Add($"router {layer} {token.Position} {logits.Length}"),
            Expert = (layer, expert, token, weight, output) => calls.Add($"expert {layer} {token.Position} {output.Length}"),
        };
        Sequence sequence = model.NewSequence();
        hooks.Forward(model, new BatchItem(sequence, Ids.AsMemory(0, 3), LogitRows.None));
        Bits.Equal(Plain(model).AsSpan(4 * 64), hooks.Forward(model, new BatchItem(sequence, Ids.AsMemory(3), LogitRows.Last))[0], "watched");

        Assert.Equal(5 * (1 + 2 * (2 + 2 + 2 + 1 + 2)), calls.Count);
        Assert.Equal(calls.Count, calls.Distinct().Count() + 5 * 2);      // two experts a token and layer look alike here
        foreach (string call in new[] { "embedding 0 32", "block.1.mlp.residual 4 32", "attention 0.1 4 5", "head 1.0 3 32", "router 1 2 4",
            "expert 1 4 32" })
        {
            Assert.Contains(call, calls);
        }
    }

    [Fact]
    public void A_silenced_head_outputs_zero()
    {
        using Transformer model = Smallest();
        float[] silenced = Run(model, new() { SilencedHeads = { (1, 0) } });
        Bits.Equal(Run(model, new() { Head = (layer, head, _, output) => Clear(layer == 1 && head == 0, output) }), silenced, "head 0 of layer 1");
        Assert.NotEqual(SmallModels.Hash(Plain(model)), SmallModels.Hash(silenced));
    }

    [Fact]
    public void A_silenced_expert_keeps_its_weight_and_a_removed_one_gives_its_place_to_the_next_best()
    {
        using Transformer model = Smallest();
        (int[] Experts, float[] Weights)[] plain = Choices(model, new()), silenced = Choices(model, new() { SilencedExperts = { (0, 2) } }),
            removed = Choices(model, new() { RemovedExperts = { (0, 2) } });
        Assert.Contains(plain, choice => choice.Experts.Contains(2));
        Assert.Equal(plain.Select(choice => choice.Experts), silenced.Select(choice => choice.Experts));
        Assert.Equal(plain.Select(choice => choice.Weights), silenced.Select(choice => choice.Weights));
        Assert.DoesNotContain(removed, choice => choice.Experts.Contains(2));
        for (int token = 0; token < Ids.Length; token++)
        {
            Assert.Equal(1, removed[token].Weights.Sum(), 6);
            if (!plain[token].Experts.Contains(2))
                Assert.Equal(plain[token].Experts, removed[token].Experts);
        }

        float[] said = Run(model, new() { SilencedExperts = { (0, 2) } });
        Bits.Equal(Run(model, new() { Expert = (layer, expert, _, _, output) => Clear(layer == 0 && expert == 2, output) }), said,
            "expert 2 of layer 0");
        Assert.Equal(3, new[] { Plain(model), said, Run(model, new() { RemovedExperts = { (0, 2) } }) }.Select(logits => SmallModels.Hash(logits))
            .Distinct().Count());
    }

    [Fact]
    public void What_is_not_there_cannot_be_taken_away()
    {
        using Transformer model = Smallest();
        Refused("There is no head 2 in layer 0: the model has 2 layers of 2 heads.", new() { SilencedHeads = { (0, 2) } });
        Refused("There is no expert 0 in layer 2: the model has 2 layers of 4 experts.", new() { SilencedExperts = { (2, 0) } });
        Refused("There is no expert -1 in layer 0: the model has 2 layers of 4 experts.", new() { RemovedExperts = { (0, -1) } });
        Refused("Layer 1 has 1 experts left; every token needs 2.", new() { RemovedExperts = { (1, 0), (1, 1), (1, 2) } });

        void Refused(string message, ForwardHooks hooks) => Assert.Equal(message, Assert.Throws<ArgumentException>(() => Run(model, hooks)).Message);
    }

    [Theory]
    [InlineData(Precision.Float32)]
    [InlineData(Precision.Bfloat16)]
    public void The_lens_on_the_last_residual_gives_the_logits_themselves(Precision precision)
    {
        using Transformer model = SmallModels.Load(models.Write(SmallModels.Smallest, 1), precision: precision);
        List<float> lens = [];
        ForwardHooks hooks = new()
        {
            Residual = (stage, layer, token, x) =>
            {
                if (stage != Stage.MlpResidual || layer != 1)
                    return;
                float[] logits = new float[64];
                model.Unembed(new(x, 1, 32, 32), new(logits, 1, 64, 64));
                lens.AddRange(logits);
            },
        };
        Bits.Equal(Run(model, hooks), [.. lens], "lens");
        Assert.Equal("[1, 31] cannot become [1, 64] logits; expected [n, 32] and [n, 64].",
            Assert.Throws<ArgumentException>(() => model.Unembed(new(new float[31], 1, 31, 31), new(new float[64], 1, 64, 64))).Message);
    }

    private Transformer Smallest() => SmallModels.Load(models.Write(SmallModels.Smallest, 1));

    private static void Clear(bool really, Span<float> output)
    {
        if (really)
            output.Clear();
    }

    private static float[] Plain(Transformer model) => SmallModels.Logits(model, model.NewSequence(), Ids);

    private static float[] Run(Transformer model, ForwardHooks hooks)
    {
        List<float> all = [];
        SmallModels.Append(all, hooks.Forward(model, new BatchItem(model.NewSequence(), Ids, LogitRows.All)));
        return [.. all];
    }

    /// <summary>What layer 0 chooses for every token.</summary>
    private static (int[] Experts, float[] Weights)[] Choices(Transformer model, ForwardHooks taken)
    {
        (List<int> Experts, List<float> Weights)[] choices = Ids.Select(_ => (Experts: new List<int>(), Weights: new List<float>())).ToArray();
        ForwardHooks hooks = new()
        {
            Expert = (layer, expert, token, weight, _) =>
            {
                if (layer != 0)
                    return;
                choices[token.Position].Experts.Add(expert);
                choices[token.Position].Weights.Add(weight);
            },
        };
        hooks.SilencedExperts.UnionWith(taken.SilencedExperts);
        hooks.RemovedExperts.UnionWith(taken.RemovedExperts);
        Run(model, hooks);
        return [.. choices.Select(choice => (choice.Experts.ToArray(), choice.Weights.ToArray()))];
    }
}
