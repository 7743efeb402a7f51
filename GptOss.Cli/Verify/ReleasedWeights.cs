using GptOss.Cli.Options;
using GptOss.Cli.Terminals;
using GptOss.Reference.Checkpoints;
using GptOss.Reference.Model;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Oracle.Packs;
using GptOss.Reference.Oracle.Verification;

namespace GptOss.Cli.Verify;

/// <summary>The released weights, if they are here, and a report on the figures published about them.</summary>
internal static class ReleasedWeights
{
    /// <summary>The weights that were named, or the 20b where it has been downloaded; null where neither is.</summary>
    /// <exception cref="UsageException">Nothing has been published about the weights that were named.</exception>
    internal static Checkpoint? Find(string? model, Terminal terminal)
    {
        if (model is null && !ModelChoice.IsDownloaded(ModelChoice.RealName, terminal))
            return null;
        Checkpoint checkpoint = ModelChoice.Open(model ?? ModelChoice.RealName, terminal);
        if (PublishedFigures.For(checkpoint.Config).Count > 0)
            return checkpoint;
        checkpoint.Dispose();
        throw new UsageException(
            "Figures have been published about gpt-oss-20b and gpt-oss-120b, and --model is of neither shape; to run a pack on it, give --pack too.");
    }

    /// <summary>Checks every figure; of log-probabilities the one that comes nearest to its tolerance is reported.</summary>
    internal static PackReport Check(Transformer model, CancellationToken cancellation)
    {
        var stages = new List<StageReport>();
        IReadOnlyList<PublishedFigure> figures = PublishedFigures.For(model.Config);
        foreach (PublishedFigure figure in figures)
        {
            FigureReport report = PublishedFigures.Check(model, figure, cancellation);
            if (report.Steps.MaxBy(step => Math.Abs(step.Found - step.Expected) / step.Allowed) is { } worst)
            {
                bool passed = report.Steps.All(step => step.Passed);
                double error = Math.Abs(worst.Found - worst.Expected);
                stages.Add(new($"log-probabilities, '{figure.Prompt}'", error, worst.Allowed, report.Steps.Count, null, passed));
            }
            stages.Add(new($"continuation, '{figure.Prompt}'", report.TextMatches ? 0 : double.PositiveInfinity, 0, 1, null, report.TextMatches));
        }
        return new($"{figures[0].Model}, published figures", PackKind.Greedy, [new("bfloat16", Precision.Bfloat16, stages, [])]);
    }
}
