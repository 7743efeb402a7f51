using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Ground;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Oracle.Dumps;
using GptOss.Reference.Oracle.Packs;
using GptOss.Reference.Oracle.Stages;

namespace GptOss.Reference.Oracle.Diff;

/// <summary>How two traces are compared.</summary>
public sealed record DiffOptions
{
    /// <summary>Whose budgets count; null for bfloat16 where most tensors of one side hold only bfloat16 values or float16, else float32.</summary>
    public Precision? Precision { get; init; }

    /// <summary>The budgets; null for those of the reference's pack, or the published ones.</summary>
    public Budgets? Budgets { get; init; }

    /// <summary>The model's numbers; null to take them from a manifest of either side.</summary>
    public GptOssConfig? Config { get; init; }

    /// <summary>What tensors are called.</summary>
    public StageMap Map { get; init; } = StageMap.BuiltIn;

    /// <summary>The stages that are compared.</summary>
    public StageFilter Stages { get; init; } = StageFilter.All;

    /// <summary>The positions that are compared, and those of rows that nothing else says; null for all.</summary>
    public PositionChoice? Positions { get; init; }

    /// <summary>What the candidate's logits are, taken at its word; null to recognise them.</summary>
    public LogitsKind? As { get; init; }
}

/// <summary>Compares two dumps stage by stage and says where the candidate first leaves the reference.</summary>
public static class TraceDiff
{
    /// <summary>Compares a candidate with a reference.</summary>
    /// <param name="reference">The reference, A: budgets are over the root mean square of its stages.</param>
    /// <param name="candidate">The candidate, B.</param>
    /// <param name="options">Profile, budgets, names, stages and positions.</param>
    /// <param name="cancellation">Stops between rows.</param>
    /// <exception cref="CheckpointFormatException">A dump is broken, or nothing says where its rows belong.</exception>
    public static TraceDifference Compare(Dump reference, Dump candidate, DiffOptions? options = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(reference);
        ArgumentNullException.ThrowIfNull(candidate);
        return new TraceComparison(reference, candidate, options ?? new(), cancellation).Run();
    }

    /// <summary>Numbers that the manifests of dumps state; null where none does.</summary>
    public static GptOssConfig? ConfigOf(params ReadOnlySpan<Dump> dumps)
    {
        foreach (Dump dump in dumps)
        {
            if (dump.Pack?.ConfigJson is { } json)
                return ConfigReader.Parse(json, Path.Combine(dump.Pack.Folder, PackManifest.FileName));
        }
        return null;
    }
}
