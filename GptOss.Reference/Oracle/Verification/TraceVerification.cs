using GptOss.Reference.Model;
using GptOss.Reference.Model.Stages;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Oracle.Packs;
using GptOss.Reference.Oracle.Stages;
using GptOss.Reference.Oracle.Traces;

namespace GptOss.Reference.Oracle.Verification;

/// <summary>
/// Trace packs: the whole model in float32 or fast; in bfloat16 block by block, and the whole model where the weights were trained.
/// </summary>
internal static class TraceVerification
{
    /// <summary>
    /// Every recorded stage within the profile's budget. Where experts differ at a margin below the budget, nothing later of that token is
    /// compared. Tokens after it that attend to it stay compared: they see it through a softmax, and a tie that shows there is worth seeing.
    /// </summary>
    internal static PackSection Whole(GoldenPack pack, Transformer model, CancellationToken cancellation)
    {
        StageBudgets budgets = pack.Budgets.Of(model.Precision);
        Trace reference = pack.ReadTrace(model.Precision, model.Config);
        float[]? lastLogits = pack.ReadLastLogits(model.Precision, model.Config);
        Trace ours = Record(pack, model, Needed(), cancellation);
        var reports = new List<StageReport>();
        var notes = new List<string>();
        var skipped = new HashSet<int>();
        foreach (StageRows stage in reference.Stages)
        {
            StageRows actual = ours.Find(stage.Key)!;
            if (stage.Key.IsExperts)
            {
                StageKey router = new(Stage.Router, stage.Key.Layer);
                HashSet<int> before = [.. skipped];
                reports.Add(StageComparison.Experts(stage, actual, reference.Find(router) ?? ours.Find(router)!, Allowed(router), skipped));
                notes.AddRange(skipped.Except(before).Order().Select(row =>
                    $"{stage.Key}: position {pack.Positions[row]} chose [{List(actual, row)}], recorded [{List(stage, row)}]; nothing " +
                        $"later of it is compared."));
            }
            else
            {
                reports.Add(StageComparison.Values(stage.Key.Name, stage.Values, actual.Values, stage.Width, Allowed(stage.Key), skipped,
                    budgets.EqualBits));
            }
        }
        if (lastLogits is not null && pack.Positions[^1] == pack.Ids.Count - 1)
        {
            StageKey logits = new(Stage.Logits, -1);
            StageRows all = ours.Find(logits)!;
            double allowed = Allowed(logits)(pack.Positions.Count - 1);
            reports.Add(StageComparison.Values("logits.last", lastLogits, all[all.Count - 1], all.Width, _ => allowed,
                leastEqual: budgets.EqualBits));
        }
        return new(model.Precision.Name(), model.Precision, reports, notes, ours.LogitsHash, pack.ExpectedLogitsHash(model.Precision));

        // What is recorded, the router where only its choices are, and the logits where only their last row is.
        IEnumerable<StageKey> Needed() => reference.Stages.Select(stage => stage.Key)
            .Concat(reference.Stages.Where(stage => stage.Key.IsExperts).Select(stage => new StageKey(Stage.Router, stage.Key.Layer)))
            .Concat(lastLogits is null ? [] : [new StageKey(Stage.Logits, -1)]);

        Func<int, double> Allowed(StageKey key) => budgets.Rows(key, pack.Positions, model);
    }

    /// <summary>
    /// Block by block from recorded inputs; the whole model where a checkpoint is named, because rounding flips experts of random weights.
    /// </summary>
    internal static IEnumerable<PackSection> Bfloat16(GoldenPack pack, Transformer model, CancellationToken cancellation)
    {
        Trace reference = pack.ReadTrace(Precision.Bfloat16, model.Config);
        StageBudgets budgets = pack.Budgets.Bfloat16;
        StageRows[] whole = [.. reference.Stages.Where(stage => pack.Seed is null && budgets.Has(stage.Key.Stage))];
        StageKey embedding = new(Stage.Embedding, -1);
        Trace ours = Record(pack, model, whole.Select(stage => stage.Key).Append(embedding), cancellation);
        PackSection blocks = new StageByStage(pack, model, reference).Run(ours.Find(embedding)!);
        if (blocks.Compares)
            yield return blocks;

        var reports = new List<StageReport>();
        foreach (StageRows stage in whole)
        {
            StageRows actual = ours.Find(stage.Key)!;
            Func<int, double> allowed = budgets.Rows(stage.Key, pack.Positions, model);
            reports.Add(StageComparison.Values(stage.Key.Name, stage.Values, actual.Values, stage.Width, allowed,
                leastEqual: budgets.EqualBits ?? 0));
            if (stage.Key.Stage == Stage.Logits)
                reports.Add(ArgMaxOf(stage, actual, allowed(0)));
        }
        string[] notes =
            pack.Seed is null ? [] : ["The whole model is not compared: bfloat16 rounding flips experts of random weights, and the streams part."];
        yield return new("bfloat16", Precision.Bfloat16, reports, notes, ours.LogitsHash, pack.ExpectedLogitsHash(Precision.Bfloat16));
    }

    private static Trace Record(GoldenPack pack, Transformer model, IEnumerable<StageKey> keys, CancellationToken cancellation) =>
        Tracer.Record(model, pack.Ids.ToArray(), pack.Positions, keys.Distinct(), new(), cancellation);

    /// <summary>The largest logit has the same index, except where the recorded logits of the two are nearer than the budget.</summary>
    internal static StageReport ArgMaxOf(StageRows reference, StageRows actual, double allowed)
    {
        double widest = 0, rms = reference.RootMeanSquare;
        for (int row = 0; row < reference.Count; row++)
        {
            double margin = (double)reference[row][StageComparison.ArgMax(reference[row])] - reference[row][StageComparison.ArgMax(actual[row])];
            widest = double.IsNaN(margin) ? double.PositiveInfinity : Math.Max(widest, margin / rms);
        }
        return new("argmax", widest, allowed, reference.Count, null, widest <= allowed);
    }

    private static string List(StageRows experts, int row) => string.Join(", ", experts.Experts(row).ToArray());
}
