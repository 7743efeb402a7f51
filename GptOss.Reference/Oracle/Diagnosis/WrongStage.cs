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
    /// <summary>Values of stages that are held in memory; of longer dumps some positions are compared.</summary>
    private const long MostValues = 1L << 28;

    /// <summary>Runs the model and compares every stage that the dump holds, in forward order.</summary>
    /// <param name="model">The sound model, in the dump's precision.</param>
    /// <param name="dump">The dump; its names as <see cref="StageMap.BuiltIn"/> knows them.</param>
    /// <param name="ids">The token ids that were read.</param>
    /// <param name="positions">The positions of its rows; of too many for memory, every second one, or third.</param>
    /// <param name="cancellation">Stops between chunks.</param>
    /// <returns>First stage over budget, first position of it, its worst element; null where all are within.</returns>
    /// <exception cref="CheckpointFormatException">A stage of the dump cannot be read.</exception>
    public static TracePlace? Find(Transformer model, Dump dump, ReadOnlyMemory<int> ids, IReadOnlyList<int> positions, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(dump);
        ArgumentNullException.ThrowIfNull(positions);
        Dictionary<StageKey, DumpTensor[]>.KeyCollection held = StageMap.BuiltIn.Resolve(dump).Stages.Keys;
        StageKey[] wanted = [.. StageKey.All(model.Config).Where(held.Contains)];
        if (wanted.Length == 0)
            return null;
        long values = wanted.Sum(key => (long)key.Width(model.Config)) * positions.Count;
        int step = (int)(1 + values / MostValues);
        int[] kept = [.. positions.Where((_, row) => (positions.Count - 1 - row) % step == 0)];        // the last one always
        Trace trace = Tracer.Record(model, ids, kept, wanted, new(), cancellation);
        using Dump sound = Dump.Of(trace, ids.ToArray(), model.Config);
        var options = new DiffOptions { Precision = model.Precision, Config = model.Config, Positions = new(kept) };
        Dump candidate = dump.Positions is null && positions.Count != ids.Length ? dump.At(positions) : dump;
        return TraceDiff.Compare(sound, candidate, options, cancellation).FirstOverBudget;
    }
}
