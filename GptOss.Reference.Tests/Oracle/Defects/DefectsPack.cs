using GptOss.Reference.Model;
using GptOss.Reference.Model.Stages;
using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Oracle.Defects;
using GptOss.Reference.Oracle.Diagnosis;
using GptOss.Reference.Oracle.Dumps;
using GptOss.Reference.Oracle.Packs;
using GptOss.Reference.Oracle.Stages;
using GptOss.Reference.Oracle.Synthetic;
using GptOss.Reference.Oracle.Verification;
using GptOss.Reference.Tests.Checkpoints;
using GptOss.Reference.Tests.Model;
using GptOss.Reference.Tests.Oracle.Dumps;

namespace GptOss.Reference.Tests.Oracle.Defects;

/// <summary>The golden pack of mistakes and its model, opened once.</summary>
public sealed class DefectsPack : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly List<Dump> _dumps = [];

    public DefectsPack()
    {
        Pack = GoldenPack.Open(TestData.Golden("defects"));
        SyntheticCheckpoint.Write(_folder.Path, Pack.ConfigJson!, Pack.Seed!.Value);
        Model = Transformer.Load(_folder.Path, new() { Threads = 1 });
    }

    public GoldenPack Pack { get; }

    public Transformer Model { get; }

    public void Dispose()
    {
        _dumps.ForEach(dump => dump.Dispose());
        Model.Dispose();
        _folder.Dispose();
    }

    internal float[] Logits(Defect defect)
    {
        using Transformer mistaken = Model.With(defect.Variant);
        Rows logits = mistaken.Forward([new(mistaken.NewSequence(), Pack.Ids.ToArray(), LogitRows.At(Pack.Positions.ToArray()))]);
        float[] copy = new float[logits.Count * logits.Width];
        logits.CopyTo(new(copy, logits.Count, logits.Width, logits.Width));
        return copy;
    }

    /// <summary>Logits at the pack's positions as a dump of somebody's.</summary>
    internal DumpedLogits AsDump(float[] logits, LogitsKind? kind = null) => AsDump(DumpFiles.Npy(logits, Pack.Positions.Count, Model.Config.VocabSize), kind);

    internal DumpedLogits AsDump(byte[] npy, LogitsKind? kind = null)
    {
        var dump = Dump.Open(_folder.Write($"{Guid.NewGuid():N}.npy", npy));
        _dumps.Add(dump);
        return DumpedLogits.Of(dump, Model.Config.VocabSize, Pack.Ids.ToArray(), Pack.Positions, kind);
    }

    internal float[] Recorded(string name) => Pack.ReadDefect(name, Model.Config);

    internal StageReport Compare(string name, float[] recorded, float[] found) =>
        StageComparison.Values(name, recorded, found, Model.Config.VocabSize,
            Budgets.Published.Float32.Rows(new(Stage.Logits, -1), Pack.Positions, Model));
}
