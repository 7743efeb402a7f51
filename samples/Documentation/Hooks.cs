using GptOss.Reference.Generation;
using GptOss.Reference.Harmony;
using GptOss.Reference.Model;
using GptOss.Reference.Model.Hooks;
using GptOss.Reference.Model.Stages;
using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Tokens;

namespace Documentation;

/// <summary>docs/hooks.md.</summary>
public static class Hooks
{
    /// <param name="checkpoint">The toy.</param>
    /// <param name="shown">Is called after each sample that prints, with its number.</param>
    public static void Run(string checkpoint, Action<int> shown)
    {
        ArgumentNullException.ThrowIfNull(shown);
        using var model = Transformer.Load(checkpoint);
        Tokenizer tokenizer = model.Checkpoint.Tokenizer;

        int[] Prompt(string country, string answer) =>
            [.. PublishedPrompt.Build(tokenizer, $"What is the capital of {country}?", date: new DateOnly(2026, 11, 24)),
                .. tokenizer.EncodeWithSpecials(answer)];
        double Probability(ReadOnlySpan<float> logits, string token) =>
            Math.Exp(LogProbabilities.Of(logits, tokenizer.Encode(token)[0], top: 0).Chosen.LogProbability);

        int[] norway = Prompt("Norway", "<|channel|>final<|message|>The capital of Norway is");     // the next token is " O", then "s" and "lo"
        int last = norway.Length - 1;
        LogitsBuffer logits = new();                                                                 // ours; every pass fills it anew

        float[] lens = new float[model.Config.VocabSize];
        ForwardHooks watching = new()
        {
            Residual = (stage, layer, token, x) =>
            {
                if (stage != Stage.MlpResidual || token.Position != last)
                    return;
                model.Unembed(new Rows(x, 1, x.Length, x.Length), new Rows(lens, 1, lens.Length, lens.Length));
                TokenLogProbability best = LogProbabilities.Of(lens, 0, top: 1).Top[0];
                Console.WriteLine($"after layer {layer}: '{tokenizer.DecodeUtf8([best.Id])}' {Math.Exp(best.LogProbability):0.000}");
            },
        };
        watching.Forward(model, new BatchItem(model.NewSequence(), norway, LogitRows.Last), logits);
        shown(0);

        double[,] sinks = new double[model.Config.NumHiddenLayers, model.Config.NumAttentionHeads];
        ForwardHooks weighing = new() { Attention = (layer, head, token, probabilities, sink) => sinks[layer, head] += sink / norway.Length };
        weighing.Forward(model, new BatchItem(model.NewSequence(), norway, LogitRows.None), logits);
        for (int layer = 0; layer < model.Config.NumHiddenLayers; layer++)
            Console.WriteLine($"layer {layer}: {sinks[layer, 0]:0.000} {sinks[layer, 1]:0.000} {sinks[layer, 2]:0.000} {sinks[layer, 3]:0.000}");
        shown(1);

        int[] answered =
            Prompt("Norway", "<|channel|>analysis<|message|>Norway: Oslo.<|end|><|start|>assistant<|channel|>final<|message|>The capital of " +
                "Norway is Oslo.<|return|>");
        int first = Prompt("Norway", "").Length;
        double Loss(ForwardHooks hooks)
        {
            hooks.Forward(model, new BatchItem(model.NewSequence(), answered, LogitRows.All), logits);
            double sum = 0;
            for (int position = first; position < answered.Length; position++)
                sum -= LogProbabilities.Of(logits[position - 1], answered[position], top: 0).Chosen.LogProbability;
            return sum / (answered.Length - first);
        }

        Console.WriteLine($"sound: {Loss(new()):0.0000}");
        for (int head = 0; head < model.Config.NumAttentionHeads; head++)
            Console.WriteLine($"without head {head} of layer 2: {Loss(new() { SilencedHeads = { (2, head) } }):0.0000}");
        shown(2);

        foreach ((int Layer, int Expert) expert in new[] { (0, 2), (0, 7) })
        {
            double silenced = Loss(new() { SilencedExperts = { expert } }), removed = Loss(new() { RemovedExperts = { expert } });
            Console.WriteLine($"expert {expert.Expert} of layer {expert.Layer}: silenced {silenced:0.0000}, removed {removed:0.0000}");
        }
        shown(3);

        int[] japan = Prompt("Japan", "<|channel|>final<|message|>The capital of Japan is");
        int[] name = [.. Enumerable.Range(0, norway.Length).Where(position => norway[position] != japan[position])];
        Dictionary<(int Layer, int Position), float[]> kept = [];
        ForwardHooks keeping = new()
        {
            Residual = (stage, layer, token, x) =>
            {
                if (stage == Stage.MlpResidual)
                    kept.Add((layer, token.Position), x.ToArray());
            },
        };
        keeping.Forward(model, new BatchItem(model.NewSequence(), japan, LogitRows.None), logits);

        double Tokyo(int patchedLayer, params int[] positions)
        {
            ForwardHooks patching = new()
            {
                Residual = (stage, layer, token, x) =>
                {
                    if (stage == Stage.MlpResidual && layer == patchedLayer && positions.Contains(token.Position))
                        kept[(layer, token.Position)].CopyTo(x);
                },
            };
            return Probability(patching.Forward(model, new BatchItem(model.NewSequence(), norway, LogitRows.Last), logits)[0], " T");
        }

        for (int layer = 0; layer < model.Config.NumHiddenLayers; layer++)
            Console.WriteLine($"after layer {layer}: Tokyo {Tokyo(layer, name):0.000} by the name, {Tokyo(layer, last):0.000} by the last token");
        shown(4);
    }
}
