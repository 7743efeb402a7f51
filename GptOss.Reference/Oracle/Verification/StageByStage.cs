using GptOss.Reference.Model;
using GptOss.Reference.Model.Stages;
using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Oracle.Packs;
using GptOss.Reference.Oracle.Stages;
using GptOss.Reference.Oracle.Traces;

namespace GptOss.Reference.Oracle.Verification;

/// <summary>
/// The bfloat16 profile block by block, each from the recorded residual stream before it: the fair test on random weights, where one
/// rounding flips a near-tied expert and whole streams diverge.
/// </summary>
/// <remarks>
/// In every pack: norm and projection from the residual before the block, rotation from the recorded projection, the expert block from the
/// recorded attention residual, final norm from the last residual, logits from the recorded norm. Attention where a pack keeps every position,
/// because it needs all keys.
/// </remarks>
internal sealed class StageByStage(GoldenPack pack, Transformer model, Trace reference)
{
    private readonly StageBudgets _budgets = pack.Budgets.Bfloat16Blocks;
    private readonly List<StageReport> _reports = [];
    private readonly List<string> _notes = [];

    /// <summary>Runs all blocks.</summary>
    /// <param name="embedding">Our embedding, which is exact, for packs that do not record it.</param>
    internal PackSection Run(StageRows embedding)
    {
        Compare(embedding);
        StageRows? before = embedding;
        for (int layer = 0; layer < model.Config.NumHiddenLayers; layer++)
        {
            if (before is not null)
                Attention(layer, before);
            Rotation(layer);
            if (Recorded(Stage.AttentionResidual, layer) is { } residual)
                Experts(layer, residual);
            before = Recorded(Stage.MlpResidual, layer);
        }
        if (before is not null)
            Head(before);
        if (!pack.HasEveryPosition)
            _notes.Add("Attention is not compared: the pack keeps some positions only, and attention needs the keys of all.");
        return new("bfloat16, stage by stage", Precision.Bfloat16, _reports, _notes);
    }

    private void Attention(int layer, StageRows before)
    {
        Stage[] stages = pack.HasEveryPosition
            ? [Stage.AttentionNorm, Stage.Qkv, Stage.Heads, Stage.AttentionResidual]
            : [Stage.AttentionNorm, Stage.Qkv];
        Dictionary<StageKey, StageRows> ours = Recorders(layer, stages);
        if (ours.Count == 0)
            return;
        var observer = new TracingObserver(new MemoryRecorder([.. Enumerable.Range(0, before.Count)], ours));
        model.RunAttentionBlock(layer, Copy(before), ref observer);
        foreach (StageRows stage in ours.Values)
            Compare(stage);
    }

    private void Rotation(int layer)
    {
        if (Recorded(Stage.Qkv, layer) is not { } qkv)
            return;
        Rows turned = Copy(qkv);
        model.RunRotation(turned, [.. pack.Positions]);
        int first = 0;
        foreach (Stage stage in (ReadOnlySpan<Stage>)[Stage.Query, Stage.Key])
        {
            StageKey key = new(stage, layer);
            var rows = new StageRows(key, qkv.Count, key.Width(model.Config));
            turned.Columns(first, rows.Width).CopyTo(new Rows(rows.Values, rows.Count, rows.Width, rows.Width));
            first += rows.Width;
            Compare(rows);
        }
    }

    private void Experts(int layer, StageRows residual)
    {
        Dictionary<StageKey, StageRows> ours = Recorders(layer,
            [Stage.MlpNorm, Stage.Router, Stage.Experts, Stage.ExpertWeights, Stage.SwiGlu, Stage.MlpResidual], Stage.Router);
        var observer = new TracingObserver(new MemoryRecorder([.. Enumerable.Range(0, residual.Count)], ours));
        model.RunExpertBlock(layer, Copy(residual), ref observer);
        var ties = new HashSet<int>();
        foreach (StageRows stage in ours.Values)
        {
            if (!stage.Key.IsExperts)
            {
                Compare(stage, ties);
                continue;
            }
            StageKey router = new(Stage.Router, layer);
            _reports.Add(StageComparison.Experts(Recorded(Stage.Experts, layer)!, stage, reference.Find(router) ?? ours[router],
                _budgets.Rows(router, pack.Positions, model), ties));
            _notes.AddRange(ties.Order().Select(row =>
                $"{stage.Key}: position {pack.Positions[row]} chose other experts or another order at a near tie; what follows in " +
                    $"its block is not compared."));
        }
    }

    private void Head(StageRows before)
    {
        var norm = new StageRows(new(Stage.Norm, -1), before.Count, model.Config.HiddenSize);
        model.RunNorm(Copy(before), new(norm.Values, norm.Count, norm.Width, norm.Width));
        Compare(norm);

        // From the recorded norm: one bit of it touches every logit of its row.
        var logits = new StageRows(new(Stage.Logits, -1), before.Count, model.Config.VocabSize);
        model.RunUnembedding(Copy(reference.Find(norm.Key) ?? norm), new(logits.Values, logits.Count, logits.Width, logits.Width));
        Compare(logits);
    }

    private void Compare(StageRows actual, IReadOnlySet<int>? skipped = null)
    {
        if (reference.Find(actual.Key) is not { } recorded)
            return;
        _reports.Add(StageComparison.Values(actual.Key.Name, recorded.Values, actual.Values, recorded.Width,
            _budgets.Rows(actual.Key, pack.Positions, model), skipped, _budgets.EqualBits));
    }

    private StageRows? Recorded(Stage stage, int layer) => reference.Find(new(stage, layer));

    /// <summary>Room for the stages that are recorded, and for one that is needed in any case.</summary>
    private Dictionary<StageKey, StageRows> Recorders(int layer, ReadOnlySpan<Stage> stages, Stage? needed = null)
    {
        var rows = new Dictionary<StageKey, StageRows>();
        foreach (Stage stage in stages)
        {
            StageKey key = new(stage, layer);
            if (stage == needed || reference.Find(key) is not null)
                rows.Add(key, new(key, pack.Positions.Count, key.Width(model.Config)));
        }
        return rows;
    }

    private static Rows Copy(StageRows rows) => new(rows.Values.ToArray(), rows.Count, rows.Width, rows.Width);
}
