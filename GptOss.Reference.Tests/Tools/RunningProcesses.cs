using System.Diagnostics;
using System.Globalization;

namespace GptOss.Reference.Tests.Tools;

/// <summary>Whether processes that a tool's program started still run. Linux only: it reads <c>/proc</c>.</summary>
internal static class RunningProcesses
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <summary>A number of seconds that no other process sleeps for: it marks a test's children.</summary>
    internal static string Mark() => string.Create(CultureInfo.InvariantCulture, $"{Random.Shared.Next(100_000, 1_000_000)}.{Environment.ProcessId}");

    /// <summary>Whether all processes with the mark among their arguments end soon.</summary>
    internal static async Task<bool> EndAsync(string mark)
    {
        var clock = Stopwatch.StartNew();
        while (Count(mark) > 0)
        {
            if (clock.Elapsed > Patience) return false;
            await Task.Delay(20);
        }
        return true;
    }

    /// <summary>The processes with the mark among their arguments; a dead one has no arguments.</summary>
    internal static int Count(string mark)
    {
        int count = 0;
        foreach (string folder in Directory.EnumerateDirectories("/proc").Where(folder => char.IsAsciiDigit(Path.GetFileName(folder)[0])))
        {
            try
            {
                if (File.ReadAllText(Path.Combine(folder, "cmdline")).Split('\0') is ["sleep", var argument, ..] && argument == mark) count++;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // It ended in between.
            }
        }
        return count;
    }
}
