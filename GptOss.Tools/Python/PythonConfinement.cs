using System.Globalization;

namespace GptOss.Tools.Python;

/// <summary>What confines the model's Python on this system, found by trying.</summary>
/// <param name="HasNoNetwork">Whether it has no network.</param>
/// <param name="WritesOnlyItsFolder">Whether it can change files of its own folder only; temporary files in memory aside.</param>
/// <param name="BoundsMemory">Whether memory of a process, length of a file and processor time are bounded.</param>
/// <param name="BoundsProcesses">Whether the number of processes is bounded.</param>
/// <param name="EndsItsChildren">Whether everything that it starts ends with it, even a process that leaves its group.</param>
public sealed record PythonConfinement(bool HasNoNetwork, bool WritesOnlyItsFolder, bool BoundsMemory, bool BoundsProcesses, bool EndsItsChildren)
{
    /// <summary>No confinement at all.</summary>
    public static PythonConfinement None { get; } = new(false, false, false, false, false);

    /// <summary>What the code can do, in sentences for the person who is asked to allow it.</summary>
    /// <param name="limits">The limits that the tool was given.</param>
    public string Describe(PythonLimits limits)
    {
        ArgumentNullException.ThrowIfNull(limits);
        List<string> sentences =
        [
            WritesOnlyItsFolder
                ? "It can read your files, and write in its own folder only."
                : "It can read, change and delete your files.",
            HasNoNetwork ? "It has no network." : "It can use the network: this system could not cut it off.",
        ];
        List<string> bounds = [], unbounded = [];
        if (BoundsMemory) bounds.Add($"{Size(limits.MemoryBytes)} of memory a process, {Size(limits.FileBytes)} a file");
        else unbounded.Add("memory, files");
        if (BoundsProcesses) bounds.Add(string.Create(CultureInfo.InvariantCulture, $"{limits.Processes} processes"));
        else unbounded.Add("processes");
        if (bounds.Count > 0) sentences.Add($"Its limits: {string.Join(", ", bounds)}.");
        if (unbounded.Count > 0) sentences.Add($"Not limited here: {string.Join(", ", unbounded)}.");
        return string.Join(' ', sentences);
    }

    private static string Size(long bytes) => bytes >= 1 << 30
        ? string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1 << 30):0.#} GiB")
        : string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1 << 20):0.#} MiB");
}
