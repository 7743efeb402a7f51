using System.Globalization;
using GptOss.Cli.Terminals;

namespace GptOss.Cli.Output;

/// <summary>What this process has read from the disk, mapped pages included: a run whose weights are not in memory measures the disk.</summary>
internal static class DiskReads
{
    private const long WorthSaying = 64 << 20;

    /// <summary>Bytes since the process began; null where the system does not say.</summary>
    internal static long? Bytes()
    {
        const string Key = "read_bytes: ";
        try
        {
            string? line = File.ReadLines("/proc/self/io").FirstOrDefault(line => line.StartsWith(Key, StringComparison.Ordinal));
            return line is not null && long.TryParse(line.AsSpan(Key.Length), NumberStyles.None, CultureInfo.InvariantCulture, out long bytes)
                ? bytes : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Says so if a run read weights from the disk.</summary>
    /// <param name="bytes">What it read.</param>
    /// <param name="terminal">Where it is said.</param>
    internal static void Say(long? bytes, Terminal terminal)
    {
        if (bytes > WorthSaying)
        {
            terminal.Error.WriteLine($"{Text.Short(bytes.Value)} of weights were read from the disk during the run, which is slower than memory; " +
                "--preload or --mlock keeps them there, where they fit.");
        }
    }
}
