using GptOss.Reference.Checkpoints;
using GptOss.Reference.Ground;
using GptOss.Reference.Oracle.Packs;
using GptOss.Reference.Oracle.Synthetic;

namespace GptOss.Reference.Oracle.Verification;

/// <summary>The weights that a pack ran: opened where they lie, or made from the seed in a scratch folder that goes with this object.</summary>
internal sealed class PackCheckpoint : IDisposable
{
    private readonly DirectoryInfo? _scratch;

    private PackCheckpoint(string model, DirectoryInfo? scratch) => (Model, _scratch) = (model, scratch);

    /// <summary>What to open: a folder or a hub name.</summary>
    internal string Model { get; }

    /// <summary>Finds or makes the checkpoint of a pack.</summary>
    /// <param name="pack">The pack.</param>
    /// <param name="model">Used in place of what the pack names; null to go by the pack.</param>
    /// <param name="scratchFolder">Where a synthetic checkpoint is made; null for the system's temporary folder.</param>
    /// <param name="progress">Receives a sentence before a checkpoint is made.</param>
    /// <param name="cancellation">Stops the making.</param>
    internal static PackCheckpoint Of(GoldenPack pack, string? model, string? scratchFolder, IProgress<string>? progress,
        CancellationToken cancellation)
    {
        if (model is not null)
            return new(model, null);
        if (pack.CheckpointName is { } name)
            return new(Named(pack, name), null);
        if (pack.Seed is null)
        {
            throw new CheckpointFormatException(Path.Combine(pack.Folder, PackManifest.FileName), "pack-checkpoint",
                "the pack lists the files of its checkpoint and no name to find them by; give the folder of that checkpoint.");
        }
        DirectoryInfo scratch = scratchFolder is null
            ? Directory.CreateTempSubdirectory("gptoss-pack-")
            : Directory.CreateDirectory(Path.Combine(scratchFolder, $"gptoss-pack-{Guid.NewGuid():N}"));
        try
        {
            progress?.Report($"{pack.Name}: writing its checkpoint, {SyntheticCheckpoint.FileBytes(pack.ConfigJson!)} bytes, to {scratch.FullName}");
            SyntheticCheckpoint.Write(scratch.FullName, pack.ConfigJson!, pack.Seed!.Value, cancellation: cancellation);
            return new(scratch.FullName, scratch);
        }
        catch
        {
            scratch.Delete(recursive: true);
            throw;
        }
    }

    /// <summary>Deletes what was made.</summary>
    public void Dispose() => _scratch?.Delete(recursive: true);

    /// <summary>A folder of that name beside the folder of packs, or the hub's model. A manifest leads to no other place.</summary>
    private static string Named(GoldenPack pack, string name)
    {
        if (name.IndexOfAny(['/', '\\', '\0']) < 0 && name is not ("." or ".."))
        {
            string beside = Path.GetFullPath(Path.Combine(pack.Folder, "..", "..", name));
            if (Directory.Exists(beside))
                return beside;
        }
        return HuggingFaceCache.IsHubName(name) ? name
            : throw new CheckpointFormatException(Path.Combine(pack.Folder, PackManifest.FileName), "pack-checkpoint",
                $"the pack ran '{Printable.Clip(name)}', which is neither a folder beside the packs nor a hub name; give the " +
                    $"folder of that checkpoint.");
    }
}
