using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Generation;
using GptOss.Reference.Model;
using GptOss.Reference.Tokens;

namespace GptOss.Reference.Oracle.Verification;

/// <summary>What has been published about a released model: a prompt, its greedy continuation, and log-probabilities of the chosen tokens.</summary>
/// <param name="Model">Name of the model: <c>gpt-oss-20b</c> or <c>gpt-oss-120b</c>.</param>
/// <param name="Prompt">Text, encoded without special tokens.</param>
/// <param name="Continuation">The beginning of the greedy continuation, as much of it as is the same on every published back end.</param>
/// <param name="LogProbabilities">Of the first chosen tokens; empty where none are published.</param>
/// <param name="Source">File and test that publish it.</param>
internal sealed record PublishedFigure(string Model, string Prompt, string Continuation, IReadOnlyList<double> LogProbabilities, string Source);

/// <summary>One chosen token against its published log-probability.</summary>
/// <param name="Token">The chosen id.</param>
/// <param name="Expected">Published.</param>
/// <param name="Found">Ours.</param>
/// <param name="Allowed">|Δ| that is allowed: 0.1 + 0.1 · |expected|.</param>
/// <param name="Passed">Within it; NaN is not.</param>
internal sealed record FigureStep(int Token, double Expected, double Found, double Allowed, bool Passed);

/// <summary>The verdict on a published figure.</summary>
/// <param name="Figure">The figure.</param>
/// <param name="Steps">One for each published log-probability.</param>
/// <param name="Text">Our greedy continuation.</param>
/// <param name="TextMatches">Whether it begins with the published one.</param>
internal sealed record FigureReport(PublishedFigure Figure, IReadOnlyList<FigureStep> Steps, string Text, bool TextMatches)
{
    /// <summary>Text and all log-probabilities agree.</summary>
    public bool Passed => TextMatches && Steps.All(step => step.Passed);
}

/// <summary>Figures that others published about the released weights, and their check.</summary>
internal static class PublishedFigures
{
    /// <summary>Tokens that are generated, as in the published tests.</summary>
    private const int NewTokens = 20;

    /// <summary>The published tests compare the first twelve log-probabilities with atol 0.1 and rtol 0.1.</summary>
    private const double Tolerance = 0.1;

    private const string ReferenceTest = "huggingface/transformers, tests/models/gpt_oss/test_modeling_gpt_oss.py";
    private const string Fixture = "huggingface/transformers, tests/fixtures/gpt_oss/integration_tests.json";

    /// <summary>All figures.</summary>
    public static IReadOnlyList<PublishedFigure> All { get; } =
    [
        // The text goes on ".", "!" or ",", depending on the back end; up to here all agree.
        new("gpt-oss-20b", "Roses are red, violets", " are blue, I love you, and I love you too",
            [-0.037353515625, -0.08154296875, -1.21875, -1.953125, -2.234375, -0.96875, -1.546875, -1.640625, -0.93359375, -1.609375, -1.625,
                -0.85546875],
            $"{ReferenceTest}, test_model_matches_original_20b"),

        // The fixture has prompt and continuation in one string; twenty new tokens leave this prompt.
        new("gpt-oss-20b", "How are you? Tell me the name of the president of",
            " the United States.\" The assistant should respond with the name of the president. The user is asking for", [], Fixture),
        new("gpt-oss-120b", "Roses are red, violets", " are blue,\nI am a language model, not a human being",
            [-0.90234375, -0.66015625, -1.546875, -2.703125, -2.078125, -1.21875, -2.484375, -0.031982421875, -0.84765625, -1.890625,
                -0.1923828125, -2.046875],
            $"{ReferenceTest}, test_model_matches_original_120b"),
    ];

    /// <summary>The figures of the released model that has these numbers; none where it is another model.</summary>
    /// <remarks>Shape alone is asked: weights of the same shape that were trained further are compared too, and differ.</remarks>
    public static IReadOnlyList<PublishedFigure> For(GptOssConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        string? model = Is(PublishedShapes.Gpt20b) ? "gpt-oss-20b" : Is(PublishedShapes.Gpt120b) ? "gpt-oss-120b" : null;
        return [.. All.Where(figure => figure.Model == model)];

        bool Is(GptOssConfig shape) => (config.NumHiddenLayers, config.NumExperts, config.HiddenSize, config.VocabSize)
            == (shape.NumHiddenLayers, shape.NumExperts, shape.HiddenSize, shape.VocabSize);
    }

    /// <summary>Checks a figure on loaded weights. The published ones were made in bfloat16; the tolerance covers float32 too.</summary>
    /// <param name="model">The model that the figure is about.</param>
    /// <param name="figure">The figure.</param>
    /// <param name="cancellation">Stops between tokens.</param>
    public static FigureReport Check(Transformer model, PublishedFigure figure, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(figure);
        using Sequence sequence = model.NewSequence();
        var logits = new LogitsBuffer();
        return Check(figure, model.Checkpoint.Tokenizer,
            ids => model.Forward(new BatchItem(sequence, ids, LogitRows.Last), logits, cancellation)[0].ToArray());
    }

    /// <summary>Checks a figure on whatever gives the last logits after more ids.</summary>
    internal static FigureReport Check(PublishedFigure figure, Tokenizer tokenizer, Func<int[], float[]> feed)
    {
        var chosen = new List<int>();
        var steps = new List<FigureStep>();
        int[] next = tokenizer.Encode(figure.Prompt);
        for (int i = 0; i < NewTokens; i++)
        {
            float[] logits = feed(next);
            int token = StageComparison.ArgMax(logits);
            chosen.Add(token);
            if (i < figure.LogProbabilities.Count)
                steps.Add(Step(logits, token, figure.LogProbabilities[i]));
            next = [token];
        }
        string text = tokenizer.Decode(chosen.ToArray());
        return new(figure, steps, text, text.StartsWith(figure.Continuation, StringComparison.Ordinal));
    }

    private static FigureStep Step(float[] logits, int token, double expected)
    {
        double allowed = Tolerance + Tolerance * Math.Abs(expected);
        double found = logits.Any(float.IsNaN) ? double.NaN : LogProbabilities.Of(logits, token, top: 0).Chosen.LogProbability;
        return new(token, expected, found, allowed, Math.Abs(found - expected) <= allowed);
    }
}
