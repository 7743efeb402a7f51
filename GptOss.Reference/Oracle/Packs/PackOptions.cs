using GptOss.Reference.Checkpoints;
using GptOss.Reference.Oracle.Stages;
using GptOss.Reference.Oracle.Synthetic;

namespace GptOss.Reference.Oracle.Packs;

/// <summary>What a pack states beside a trace, so that others can rerun and judge it without asking: its weights by seed or checksum, and its budgets.</summary>
public sealed record PackOptions
{
    /// <summary>How far a run may lie from the recording.</summary>
    public Budgets Budgets { get; init; } = Budgets.Published;

    /// <summary>Receives how far the reading of weights and of the finished stages has come.</summary>
    public IProgress<FileProgress>? Reading { get; init; }
}

/// <summary>Which weights a pack ran.</summary>
/// <param name="Seed">The seed of a synthetic checkpoint; null for any other.</param>
/// <param name="Files">The weight files of any other; empty for a synthetic one.</param>
internal sealed record PackWeights(ulong? Seed, IReadOnlyList<FileChecksum> Files)
{
    /// <summary>Reads the weights once: a synthetic checkpoint is recognised by its weights, any other gets checksums.</summary>
    internal static PackWeights Of(Checkpoint checkpoint, IProgress<FileProgress>? progress, CancellationToken cancellation)
    {
        if (SyntheticSeed.Find(checkpoint, progress is null ? null : new Comparing(progress, checkpoint), cancellation) is { } seed)
            return new(seed, []);
        return new(null, [.. checkpoint.FilePaths.Select(path => FileChecksum.Of(path, progress, cancellation))]);
    }

    private sealed class Comparing(IProgress<FileProgress> progress, Checkpoint checkpoint) : IProgress<long>
    {
        private readonly string _name = Path.GetFileName(checkpoint.FilePaths[0]);

        public void Report(long value) => progress.Report(new(_name, value, checkpoint.TotalBytes));
    }
}
