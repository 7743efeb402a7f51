using GptOss.Reference.Model;
using GptOss.Reference.Model.Stages;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Oracle.Packs;
using GptOss.Reference.Oracle.Stages;
using GptOss.Reference.Oracle.Traces;

namespace GptOss.Reference.Oracle.Verification;

/// <summary>Packs that hold logits only: last rows at several lengths, or the sound rows beside those of known mistakes.</summary>
internal static class LogitsVerification
{
    internal static PackSection Run(GoldenPack pack, Transformer model, CancellationToken cancellation)
    {
        int[] positions = pack.Kind == PackKind.Lengths ? [.. pack.Lengths.Select(length => length - 1)] : [.. pack.Positions];
        float[][] recorded = pack.Kind == PackKind.Lengths
            ? [.. pack.ReadLengths(model.Precision, model.Config)]
            : [.. pack.ReadDefect("sound", model.Config).Chunk(model.Config.VocabSize)];
        StageKey key = new(Stage.Logits, -1);

        // Logits after ids[..n] are row n − 1 of one run: causal attention, and the same bits whatever follows.
        Trace ours = Tracer.Record(model, pack.Ids.ToArray(), new() { Positions = positions, Stages = StageFilter.Parse(key.Name) }, cancellation);
        StageRows logits = ours.Find(key)!;
        StageBudgets budgets = pack.Budgets.Of(model.Precision);
        var reports = new List<StageReport>();
        for (int i = 0; i < positions.Length; i++)
        {
            double allowed = budgets.Rows(key, positions, model)(i);
            string name = pack.Kind == PackKind.Lengths ? $"length-{pack.Lengths[i]}" : $"sound, position {positions[i]}";
            double? leastEqual = budgets.EqualBits ?? (model.Precision == Precision.Bfloat16 ? 0 : null);
            reports.Add(StageComparison.Values(name, recorded[i], logits[i], logits.Width, _ => allowed, leastEqual: leastEqual));
            var one = new StageRows(key, 1, logits.Width);
            recorded[i].CopyTo(one.Values, 0);
            var our = new StageRows(key, 1, logits.Width);
            logits[i].CopyTo(our.Values);
            reports.Add(TraceVerification.ArgMaxOf(one, our, allowed) with { Name = $"{name}, argmax" });
        }
        return new(model.Precision.Name(), model.Precision, reports, [], ours.LogitsHash, pack.ExpectedLogitsHash(model.Precision));
    }
}
