using System.Diagnostics;
using System.Globalization;
using GptOss.Cli.Inspect;
using GptOss.Cli.Output;
using GptOss.Reference.Checkpoints;
using GptOss.Reference.Ground;
using GptOss.Reference.Model;
using GptOss.Reference.Numerics.Lanes;

namespace GptOss.Cli.Bench;

/// <summary>What to expect where the weights exceed the memory that is free: then some of them are read from disk for every token.</summary>
internal static class SpeedForecast
{
    private const int ProbeBytes = 64 << 20;

    /// <summary>A sentence, or null where everything fits. Measures the disk for that.</summary>
    internal static string? Of(Checkpoint checkpoint, int context, Precision precision)
    {
        MemoryNeed need = MemoryNeed.Of(checkpoint.Config, context, precision) with { Weights = checkpoint.TotalBytes };
        long free = FreeBytes;
        return need.Total <= free ? null : Sentence(need, free, WorkPerToken.Bytes(checkpoint), DiskBytesPerSecond(checkpoint));
    }

    /// <summary>The sentence for given figures.</summary>
    internal static string Sentence(MemoryNeed need, long free, long bytesPerToken, double diskBytesPerSecond)
    {
        double missing = Math.Clamp((need.Total - free) / (double)need.Weights, 0, 1);
        double seconds = missing * bytesPerToken / diskBytesPerSecond;
        string speed = seconds < 1
            ? string.Create(CultureInfo.InvariantCulture, $"{1 / seconds:F1} tokens a second at best")
            : string.Create(CultureInfo.InvariantCulture, $"{seconds:F0} seconds a token or more");
        return $"The model needs {Text.Short(need.Total)} and {Text.Short(free)} of memory are free, so weights are read from disk again " +
            $"and again: expect {speed}.";
    }

    /// <summary>Memory that is free or can be freed without loss, as the system reports it, up to the container's limit.</summary>
    internal static long FreeBytes
    {
        get
        {
            long allowed = InspectCommand.PresentBytes;
            try
            {
                string? line = File.ReadLines("/proc/meminfo").FirstOrDefault(line => line.StartsWith("MemAvailable:", StringComparison.Ordinal));
                if (line?.Split(' ', StringSplitOptions.RemoveEmptyEntries) is [_, var kibibytes, ..]
                    && long.TryParse(kibibytes, NumberStyles.None, CultureInfo.InvariantCulture, out long available))
                {
                    return Math.Min(allowed, available * 1024);
                }
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // Another system: the total is the best that is known.
            }
            return allowed;
        }
    }

    // The middle of the largest file, of which the cache is least likely to hold anything.
    private static double DiskBytesPerSecond(Checkpoint checkpoint)
    {
        const double assumed = 1e9;
        try
        {
            string? largest = checkpoint.FilePaths.MaxBy(Files.Length);
            if (largest is null || Files.Length(largest) <= 2L * ProbeBytes)
                return assumed;
            byte[] buffer = new byte[1 << 20];
            using FileStream file = File.OpenRead(largest);
            file.Position = file.Length / 2;
            long begin = Stopwatch.GetTimestamp(), read = 0;
            while (read < ProbeBytes && Stopwatch.GetElapsedTime(begin).TotalSeconds < 1 && file.Read(buffer) is > 0 and var count)
                read += count;
            return read / Math.Max(Stopwatch.GetElapsedTime(begin).TotalSeconds, 1e-6);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return assumed;
        }
    }
}
