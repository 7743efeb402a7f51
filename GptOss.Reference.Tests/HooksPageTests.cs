#pragma warning disable xUnit1051 // The samples are those of the page, to the letter.
using System.Text.RegularExpressions;
using GptOss.Reference.Generation;
using GptOss.Reference.Harmony;
using GptOss.Reference.Model;
using GptOss.Reference.Model.Hooks;
using GptOss.Reference.Model.Stages;
using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Tests.TestPlatform;
using GptOss.Reference.Tokens;
using Xunit;

namespace GptOss.Reference.Tests;

/// <summary>The samples of docs/hooks.md, run: they stand below line for line, and what they print is what the page shows.</summary>
public partial class HooksPageTests
{
    [Fact]
    public void The_samples_print_what_the_page_shows()
    {
        using var model = Transformer.Load(TestData.Tiny);
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
        Shown(0);

        double[,] sinks = new double[model.Config.NumHiddenLayers, model.Config.NumAttentionHeads];
        ForwardHooks weighing = new() { Attention = (layer, head, token, probabilities, sink) => sinks[layer, head] += sink / norway.Length };
        weighing.Forward(model, new BatchItem(model.NewSequence(), norway, LogitRows.None), logits);
        for (int layer = 0; layer < model.Config.NumHiddenLayers; layer++)
            Console.WriteLine($"layer {layer}: {sinks[layer, 0]:0.000} {sinks[layer, 1]:0.000} {sinks[layer, 2]:0.000} {sinks[layer, 3]:0.000}");
        Shown(1);

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
        Shown(2);

        foreach ((int Layer, int Expert) expert in new[] { (0, 2), (0, 7) })
        {
            double silenced = Loss(new() { SilencedExperts = { expert } }), removed = Loss(new() { RemovedExperts = { expert } });
            Console.WriteLine($"expert {expert.Expert} of layer {expert.Layer}: silenced {silenced:0.0000}, removed {removed:0.0000}");
        }
        Shown(3);

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
        Shown(4);
    }

    [Fact]
    public void The_samples_are_the_ones_above()
    {
        string test = Squeezed(File.ReadAllText(Path.Combine(Repository.Root!, "GptOss.Reference.Tests", "HooksPageTests.cs")));
        MatchCollection samples = CodePattern().Matches(Page);
        Assert.Equal(6, samples.Count);
        foreach (Match sample in samples)
            Assert.Contains(Squeezed(sample.Groups[1].Value.Replace("\"testdata/tiny-gpt-oss\"", "TestData.Tiny", StringComparison.Ordinal)), test);
    }

    private static string Page
    {
        get
        {
            Assert.SkipWhen(Repository.Root is null, "The pages are not here.");
            return File.ReadAllText(Path.Combine(Repository.Root!, "docs", "hooks.md"));
        }
    }

    /// <summary>What was printed since the last time is the output that the page shows at this place.</summary>
    private static void Shown(int sample)
    {
        string[] printed = [.. Console.Lines];
        Console.Lines.Clear();
        Assert.Equal(OutputPattern().Matches(Page)[sample].Groups[1].Value.Split('\n', StringSplitOptions.RemoveEmptyEntries), printed);
    }

    private static string Squeezed(string text) => string.Join('\n', text.Split('\n').Select(line => line.Trim()).Where(line => line.Length > 0));

    [GeneratedRegex("```csharp\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex CodePattern();

    [GeneratedRegex("```text\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex OutputPattern();

    /// <summary>Keeps what the samples print.</summary>
    private static class Console
    {
        internal static List<string> Lines { get; } = [];

        internal static void WriteLine(string line) => Lines.Add(line);
    }
}
