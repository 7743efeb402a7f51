using GptOss.Reference.Checkpoints;
using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Ground;
using GptOss.Reference.Model;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Numerics.Workers;
using GptOss.Reference.Oracle.Packs;

namespace GptOss.Reference.Oracle.Verification;

/// <summary>How a pack is verified.</summary>
public sealed record VerifyOptions
{
    /// <summary>The checkpoint in place of the one that the pack names: a folder, a file or a hub name; null to go by the pack.</summary>
    public string? Model { get; init; }

    /// <summary>One profile; null for every profile that the pack records.</summary>
    public Precision? Precision { get; init; }

    /// <summary>Register width.</summary>
    public RegisterWidth Width { get; init; } = RegisterWidths.Widest;

    /// <summary>Worker threads; null for the physical cores.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not in 1 … <see cref="WorkerPool.MostThreads"/>.</exception>
    public int? Threads
    {
        get;
        init => field = WorkerPool.Checked(value, nameof(Threads));
    }

    /// <summary>What computes in place of the processor; null for the processor.</summary>
    public Device? Device { get; init; }

    /// <summary>
    /// Whether the content of the checkpoint's listed files is compared, which reads all of it; their lengths, and the pack's own files, are in any
    /// case.
    /// </summary>
    public bool Checksums { get; init; } = true;

    /// <summary>Receives how far the reading of listed files has come.</summary>
    public IProgress<FileProgress>? Reading { get; init; }

    /// <summary>Where a synthetic checkpoint is made, and deleted afterwards; null for the system's temporary folder.</summary>
    public string? ScratchFolder { get; init; }

    /// <summary>Receives sentences about what is being done.</summary>
    public IProgress<string>? Progress { get; init; }
}

/// <summary>
/// Runs what a golden pack recorded and says how far each stage is from the recording, and whether the files are those that the pack lists.
/// </summary>
public static class Verifier
{
    /// <summary>Verifies a pack.</summary>
    /// <param name="pack">The pack.</param>
    /// <param name="options">Checkpoint, profile, checksums, width, threads.</param>
    /// <param name="cancellation">Stops between chunks.</param>
    /// <exception cref="CheckpointFormatException">The pack or its checkpoint is broken, or the checkpoint is of another shape.</exception>
    /// <exception cref="ArgumentException">The pack has no recording in the profile that was asked for.</exception>
    /// <exception cref="IOException">There is no room for the checkpoint.</exception>
    public static PackReport Verify(GoldenPack pack, VerifyOptions? options = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(pack);
        options ??= new();
        Precision[] profiles = [.. Enum.GetValues<Precision>().Where(p => options.Precision is { } one ? p == one && pack.Judges(p) : pack.Has(p))];
        if (profiles.Length == 0)
        {
            throw options.Precision is { } asked
                ? new ArgumentException($"{pack.Name} has no recording in {asked.Name()}.", nameof(options))
                : new CheckpointFormatException(pack.Folder, "pack-empty", "the pack has a manifest but no recording.");
        }
        bool rounds = false;
        if (pack.ConfigJson is { } json)
        {
            GptOssConfig config = ConfigReader.Parse(json, Path.Combine(pack.Folder, PackManifest.FileName));
            pack.RequireFits(config);                                                                              // before a checkpoint is made
            rounds = config.RoundsYarnBounds;
        }
        FileReport Compare(FileChecksum listed, string? path, bool content) => FileReport.Of(listed, path, content, options.Reading, cancellation);
        FileReport[] own = [.. pack.Files.Select(file => Compare(file, Path.Combine(pack.Folder, file.File), content: true))];
        FileReport[]? weights = null;
        using var checkpoint = PackCheckpoint.Of(pack, options.Model, options.ScratchFolder, options.Progress, cancellation);
        var sections = new List<PackSection>();
        foreach (Precision precision in profiles)
        {
            options.Progress?.Report($"{pack.Name}: {precision.Name()}");
            ModelOptions run = new()
            {
                Precision = precision, Width = options.Width, Threads = options.Threads, RoundYarnBounds = rounds, Device = options.Device,
            };
            using var model = Transformer.Load(checkpoint.Model, run);
            RequireShape(pack, model);
            weights ??= [.. pack.CheckpointFiles.Select(file => Compare(file, PathOf(model.Checkpoint, file.File), options.Checksums))];
            sections.AddRange(Sections(pack, model, cancellation));
        }
        return new(pack.Name, pack.Kind, sections) { Files = [.. own, .. weights!] };
    }

    /// <summary>The same on a loaded model, in its profile.</summary>
    internal static IEnumerable<PackSection> Sections(GoldenPack pack, Transformer model, CancellationToken cancellation) =>
        (pack.Kind, model.Precision) switch
        {
            (PackKind.Trace, Precision.Bfloat16) => TraceVerification.Bfloat16(pack, model, cancellation),
            (PackKind.Trace, _) => [TraceVerification.Whole(pack, model, cancellation)],
            (PackKind.Greedy, _) => [GreedyVerification.Run(pack, model, cancellation)],
            _ => [LogitsVerification.Run(pack, model, cancellation)],
        };

    private static string? PathOf(Checkpoint checkpoint, string name) =>
        checkpoint.FilePaths.FirstOrDefault(path => Path.GetFileName(path) == name);

    private static void RequireShape(GoldenPack pack, Transformer model)
    {
        if (pack.ConfigJson is not { } json)
        {
            pack.RequireFits(model.Config);
            return;
        }
        GptOssConfig config = ConfigReader.Parse(json, Path.Combine(pack.Folder, PackManifest.FileName));
        if (!config.Equals(model.Config with { SlidingLayers = config.SlidingLayers }))
        {
            throw new CheckpointFormatException(model.Checkpoint.Folder, "pack-checkpoint",
                $"the checkpoint is not of the shape that {pack.Name} was recorded with.");
        }
    }
}
