using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Model.Stages;
using GptOss.Reference.Oracle.Defects;
using GptOss.Reference.Oracle.Diff;
using GptOss.Reference.Oracle.Stages;

namespace GptOss.Reference.Oracle.Diagnosis;

/// <summary>Looks for a mistake that is made in one layer, head or expert product only, where no mistake of the whole model explains a dump.</summary>
/// <remarks>
/// The stage that a dump of stages first gets wrong names the layer, and every mistake is tried there. Without one, the mistakes that move the numbers most the way the
/// dump is moved are tried in each layer, as many as a bound on runs allows. Heads are found by halving: those that move the numbers the right way go on.
/// </remarks>
/// <param name="config">The model's numbers.</param>
/// <param name="run">Runs the model with a mistake.</param>
/// <param name="expect">Receives how many more models will run.</param>
/// <param name="firstWrong">The first wrong stage of the dump; null where it holds no stages.</param>
internal sealed class LocalSearch(GptOssConfig config, Func<Defect, Deviation> run, Action<int> expect, TracePlace? firstWrong)
{
    /// <summary>Models that are run at most over the layers: about three times what the mistakes of the whole model take.</summary>
    private const int MostRuns = 120;

    /// <summary>Mistakes of a layer that are looked for in its heads and products.</summary>
    private const int Refined = 2;

    private readonly StageKey? _stage =
        firstWrong is not null && StageKey.TryParse(firstWrong.Stage, config.NumHiddenLayers, out StageKey key) && key.Layer >= 0 ? key : null;

    private readonly record struct Candidate(Defect Whole, DefectPlace Place, Defect Defect, Deviation Left);

    /// <summary>Every mistake that was tried in one place, and what it leaves.</summary>
    /// <param name="whole">The mistakes of the whole model and what they leave.</param>
    internal IEnumerable<(Defect Defect, Deviation Left)> Run(IReadOnlyList<(Defect Defect, Deviation Left)> whole)
    {
        (Defect Defect, int Layer)[] places = [.. Places(whole)];
        expect(places.Length);
        List<Candidate> tried = [.. places.Select(place => At(place.Defect, new(place.Layer)))];
        if (!tried.Exists(candidate => candidate.Left.IsWithinBudget))
        {
            Candidate[] likely =
            [
                .. tried.Where(candidate => candidate.Whole.Scope is DefectScope.Head or DefectScope.Product)
                    .OrderByDescending(candidate => candidate.Left.Likeness).Take(Refined),
            ];
            foreach (Candidate layer in likely)
                tried.AddRange(layer.Whole.Scope == DefectScope.Head ? InHeads(layer) : InProducts(layer));
        }
        return tried.Select(candidate => (candidate.Defect, candidate.Left));
    }

    private IEnumerable<(Defect Defect, int Layer)> Places(IReadOnlyList<(Defect Defect, Deviation Left)> whole)
    {
        IEnumerable<Defect> likely = whole.Where(entry => entry.Defect.Scope != DefectScope.Model)
            .OrderByDescending(entry => entry.Left.Likeness).Select(entry => entry.Defect);
        if (_stage is { } stage)
            return likely.Select(defect => (defect, stage.Layer));
        return from defect in likely.Take(Math.Max(1, MostRuns / config.NumHiddenLayers))
               from layer in Enumerable.Range(0, config.NumHiddenLayers)
               select (defect, layer);
    }

    private Candidate[] InProducts(Candidate layer)
    {
        expect(2);
        return [At(layer.Whole, layer.Place with { Product = 0 }), At(layer.Whole, layer.Place with { Product = 1 })];
    }

    private Candidate[] InHeads(Candidate layer)
    {
        if (_stage is { Stage: Stage.Heads })
        {
            int head = firstWrong!.Index[0] / config.HeadDim;
            expect(1);
            return [At(layer.Whole, layer.Place with { Heads = (head, head + 1) })];
        }
        (int first, int end) = (0, config.NumAttentionHeads);
        Candidate best = layer;
        while (end - first > 1)
        {
            int middle = (first + end) / 2;
            expect(2);
            Candidate left = At(layer.Whole, layer.Place with { Heads = (first, middle) }), right = At(layer.Whole, layer.Place with { Heads = (middle, end) });
            best = left.Left.Likeness >= right.Left.Likeness ? left : right;
            (first, end) = best.Place.Heads!.Value;
        }
        return [best];
    }

    private Candidate At(Defect whole, DefectPlace place)
    {
        Defect local = whole.In(place)!;
        return new(whole, place, local, run(local));
    }
}
