using GptOss.Reference.Ground;
using GptOss.Reference.Model;
using GptOss.Reference.Oracle.Diff;
using GptOss.Reference.Oracle.Dumps;
using GptOss.Reference.Oracle.Stages;
using GptOss.Reference.Oracle.Traces;

namespace GptOss.Reference.Oracle.Diagnosis;

/// <summary>Where a dump of stages first leaves the sound model: what is left to say where no known mistake explains its logits.</summary>
public static class WrongStage
{
    /// <summary>Runs the model and compares every stage that the dump holds, in forward order.</summary>
    /// <param name="model">The sound model, in the dump's precision.</param>
    /// <param name="dump">The dump; its names as <see cref="StageMap.BuiltIn"/> knows them.</param>
    /// <param name="ids">The token ids that were read.</param>
    /// <param name="positions">The positions of its rows.</param>
    /// <param name="cancellation">Stops between chunks.</param>
    /// <returns>First stage over budget, first position of it, its worst element; null where all are within.</returns>
    /// <exception cref="CheckpointFormatException">A stage of the dump cannot be read.</exception>
    public static TracePlace? Find(Transformer model, Dump dump, ReadOnlyMemory<int> ids, IReadOnlyList<int> positions, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(dump);
        HashSet<StageKey> held = [.. StageMap.BuiltIn.Resolve(dump).Stages.Keys];
        string[] wanted = [.. StageKey.All(model.Config).Where(held.Contains).Select(key => key.Name)];
        if (wanted.Length == 0)
            return null;
        DirectoryInfo scratch = Directory.CreateTempSubdirectory("gptoss-diagnose-");
        try
        {
            Tracer.Write(model, ids, scratch.FullName, new() { Positions = positions, Stages = StageFilter.Parse(string.Join(',', wanted)), Force = true }, cancellation);
            using Dump sound = Dump.Open(scratch.FullName);
            var options = new DiffOptions { Precision = model.Precision, Config = model.Config, Positions = new(positions) };
            return TraceDiff.Compare(sound, dump, options, cancellation).FirstOverBudget;
        }
        finally
        {
            scratch.Delete(recursive: true);
        }
    }
}
