using GptOss.Reference.Ground;
using GptOss.Reference.Model;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Oracle.Defects;
using GptOss.Reference.Oracle.Diff;
using GptOss.Reference.Oracle.Stages;

namespace GptOss.Reference.Oracle.Diagnosis;

/// <summary>How far a diagnosis has come.</summary>
/// <param name="Done">Models that have run, the sound one first.</param>
/// <param name="Total">Models in all; more where pairs, or single layers, are tried.</param>
/// <param name="Next">The mistake that runs next; null after the last.</param>
public readonly record struct DiagnosisProgress(int Done, int Total, string? Next);

/// <summary>Runs a model with each known mistake and ranks them by how well they reproduce a dump.</summary>
/// <remarks>
/// Sums in double over the compared numbers of all rows. Largest differences are measured against the budget of the logits at their position, as a share of the
/// root mean square of the model's logits (<see cref="Budgets"/>). Where no mistake of the whole model explains the dump, pairs are tried, and then mistakes of one
/// layer, head or expert product.
/// </remarks>
public static class Diagnoser
{
    /// <summary>A mistake that moves logits by less than this share of them cannot be told from rounding.</summary>
    public const double LeastEffect = 1e-5;

    private const double Explains = 0.9, ExplainsMost = 0.5, Halved = 0.5;

    /// <summary>Diagnoses a dump.</summary>
    /// <param name="model">The sound model, in the dump's precision.</param>
    /// <param name="dump">What another program computed.</param>
    /// <param name="defects">The mistakes to try; null for all.</param>
    /// <param name="firstWrong">Finds the first wrong stage of a dump of stages, where no mistake of the whole model explains it; null for a dump without stages.</param>
    /// <param name="progress">Receives how far it has come, before every model.</param>
    /// <param name="cancellation">Stops between parts of a prompt.</param>
    /// <exception cref="CheckpointFormatException">A value of the dump, or a weight, is not a number.</exception>
    public static DiagnosisResult Run(Transformer model, DumpedRows dump, IReadOnlyList<Defect>? defects = null, Func<TracePlace?>? firstWrong = null,
        IProgress<DiagnosisProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(dump);
        defects ??= Defect.All;
        var comparison = new DefectComparison(model, dump);
        Deviation sound = comparison.Sound(cancellation);
        if (!sound.IsWithinBudget && dump.MayBeReread && dump.Reread(model, cancellation) is var other && other != dump)
        {
            dump = other;
            comparison = new(model, dump);
            sound = comparison.Sound(cancellation);
        }
        int done = 1, total = 1 + defects.Count;

        var tested = new List<(Defect Defect, Deviation Left)>();
        var notTestable = new List<Defect>();
        foreach (Defect defect in defects)
        {
            Deviation left = Try(defect);
            if (left.Effect < LeastEffect * comparison.SoundRms)
                notTestable.Add(defect);
            else
                tested.Add((defect, left));
        }
        if (!sound.IsWithinBudget && tested.Count > 0 && tested.MinBy(entry => entry.Left.Order) is { Left.IsWithinBudget: false } best)
        {
            Defect[] seconds = [.. tested.Select(entry => entry.Defect).Where(second => second != best.Defect)];
            total += seconds.Length;
            foreach (Defect second in seconds)
            {
                Defect pair = best.Defect.And(second);
                Deviation left = Try(pair);
                if (left.Rms <= Halved * best.Left.Rms)
                    tested.Add((pair, left));
            }
        }
        TracePlace? stage = null;
        if (!sound.IsWithinBudget && !IsExplained(tested, sound))
        {
            stage = firstWrong?.Invoke();
            double least = tested.Select(entry => entry.Left.Order).DefaultIfEmpty(double.PositiveInfinity).Min();
            foreach ((Defect local, Deviation left) in new LocalSearch(model.Config, Try, more => total += more, stage).Run(tested))
            {
                if (left.Rms <= Halved * least || left.IsWithinBudget)
                    tested.Add((local, left));
            }
        }
        progress?.Report(new(done, total, null));
        return Conclude(model.Precision, sound, tested, notTestable) with { Readings = [.. dump.Readings], FirstWrongStage = stage };

        Deviation Try(Defect defect)
        {
            progress?.Report(new(done++, total, defect.Name));
            using Transformer mistaken = model.With(defect.Variant);
            return comparison.Of(mistaken, cancellation);
        }
    }

    private static double Explained(Deviation left, Deviation sound) => sound.Rms == 0 ? 0 : 1 - left.Rms / sound.Rms * (left.Rms / sound.Rms);

    private static bool IsExplanation(double explained, bool isWithinBudget) => explained >= Explains || explained >= ExplainsMost && isWithinBudget;

    private static bool IsExplained(List<(Defect Defect, Deviation Left)> tested, Deviation sound) =>
        tested.Count > 0 && tested.MinBy(entry => entry.Left.Order).Left is var best && IsExplanation(Explained(best, sound), best.IsWithinBudget);

    private static DiagnosisResult Conclude(Precision precision, Deviation sound, List<(Defect Defect, Deviation Left)> tested, List<Defect> notTestable)
    {
        var ranking = new List<RankedDefect>();
        foreach ((Defect defect, Deviation left) in tested.OrderBy(entry => entry.Left.Order))
        {
            double explained = Explained(left, sound);
            string? sameAs = ranking.Find(before => before.RemainingRms == left.Rms) is { } first ? first.SameAs ?? first.Defect.Name : null;
            ranking.Add(new(defect, explained, left.Rms, left.OverBudget, left.FirstPosition, sameAs));
        }
        bool isDefect = ranking is [var best, ..] && IsExplanation(best.Explained, best.IsWithinBudget);
        Verdict verdict = isDefect ? Verdict.Defect : sound.IsWithinBudget ? Verdict.Sound : Verdict.Unexplained;
        return new(verdict, precision, sound.Rms, sound.OverBudget, sound.FirstPosition, ranking, notTestable);
    }
}
