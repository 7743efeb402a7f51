using GptOss.Cli.Output;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Oracle.Packs;
using GptOss.Reference.Oracle.Synthetic;

namespace GptOss.Cli.Verify;

/// <summary>The folder of golden packs, and which of them are run.</summary>
internal static class PackFolder
{
    private const string Name = "goldens";
    private const long SmallBytes = 64_000_000;

    /// <summary>
    /// <c>goldens</c> beside the program; else <c>testdata/goldens</c> of the repository that the program, or the current folder, is in.
    /// </summary>
    /// <param name="program">The program's folder.</param>
    /// <param name="current">The current folder.</param>
    /// <exception cref="InputException">There is none; the message says how to name one.</exception>
    internal static string Find(string program, string current)
    {
        string beside = Path.Combine(program, Name);
        return Directory.Exists(beside) ? beside : Above(program) ?? Above(current)
            ?? throw new InputException("The golden packs are not with this program; run it in a checkout of the repository, name "
                + "their folder with --packs, "
                + "or name one pack with --pack.");
    }

    /// <summary>The packs of a folder, those with a small checkpoint first.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="all">Whether those with a large checkpoint are run too, which is made first.</param>
    /// <param name="profile">The profile that they must record; null for any.</param>
    /// <param name="scratch">Where checkpoints are made; null for the system's temporary folder.</param>
    /// <exception cref="InputException">There are none, or no room for the largest checkpoint.</exception>
    internal static List<GoldenPack> Open(string folder, bool all, Precision? profile, string? scratch)
    {
        if (!Directory.Exists(folder))
            throw new InputException($"There is no folder '{folder}'.");
        List<(GoldenPack Pack, long Bytes)> packs =
        [
            .. Directory.EnumerateDirectories(folder).Where(pack => File.Exists(Path.Combine(pack, "manifest.json"))).Order(StringComparer.Ordinal)
                .Select(GoldenPack.Open).Where(pack => profile is not { } asked || pack.Judges(asked))
                .Select(pack => (Pack: pack, Bytes: CheckpointBytes(pack)))
                .Where(pack => all || pack.Bytes < SmallBytes).OrderBy(pack => pack.Bytes >= SmallBytes),
        ];
        if (packs.Count == 0)
            throw new InputException($"{folder} has no golden packs to run; expected folders with a manifest.json, as 'gptoss pack' makes them.");
        long largest = packs.Max(pack => pack.Bytes);
        string place = scratch ?? Path.GetTempPath();
        if (FreeBytes(place) is { } free && free < largest)
        {
            throw new InputException(
                $"{place} has {Text.Bytes(free)} free, and the largest checkpoint takes {Text.Bytes(largest)}; name another folder with --scratch.");
        }
        return [.. packs.Select(pack => pack.Pack)];
    }

    private static string? Above(string start)
    {
        for (DirectoryInfo? folder = new(start); folder is not null; folder = folder.Parent)
        {
            if (Path.Combine(folder.FullName, "testdata", Name) is var found && Directory.Exists(found))
                return found;
        }
        return null;
    }

    /// <summary>Bytes of the checkpoint that is made for a pack; 0 where it names one.</summary>
    private static long CheckpointBytes(GoldenPack pack) =>
        pack.ConfigJson is { } config && pack.CheckpointName is null ? SyntheticCheckpoint.FileBytes(config) : 0;

    private static long? FreeBytes(string folder)
    {
        try
        {
            string full = Path.GetFullPath(folder);
            return new DriveInfo(OperatingSystem.IsWindows() ? Path.GetPathRoot(full)! : full).AvailableFreeSpace;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return null;                               // no answer, as on some network drives: writing will tell
        }
    }
}
