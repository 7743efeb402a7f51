namespace GptOss.Reference.Numerics.Workers;

/// <summary>How many cores there are to compute on.</summary>
internal static class Topology
{
    private const int MostProcessors = 65536;

    /// <summary>
    /// Physical cores that this process may use: two hardware threads of one core share the units that the kernels keep busy. Read from the
    /// system's topology where it is readable (Linux), else the number of processors.
    /// </summary>
    public static int PhysicalCores { get; } = Count("/sys/devices/system/cpu", AllowedProcessors());

    /// <summary>Counts the distinct sibling groups among the allowed processors.</summary>
    /// <param name="root">The folder with one <c>cpuN</c> folder for each processor.</param>
    /// <param name="allowed">Processors within the affinity mask, or null for all of them.</param>
    internal static int Count(string root, HashSet<int>? allowed)
    {
        try
        {
            HashSet<string> cores = [];
            foreach (string folder in Directory.EnumerateDirectories(root, "cpu*"))
            {
                if (!int.TryParse(Path.GetFileName(folder).AsSpan(3), out int cpu) || (allowed is not null && !allowed.Contains(cpu)))
                    continue;
                string siblings = Path.Combine(folder, "topology", "thread_siblings_list");
                if (File.Exists(siblings))      // a processor that is switched off has none
                    cores.Add(File.ReadAllText(siblings).Trim());
            }
            if (cores.Count > 0)
                return Math.Min(cores.Count, Environment.ProcessorCount);      // a container's quota counts too
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // No such topology here: fall through to the number that every system gives.
        }
        return Math.Max(1, Environment.ProcessorCount);
    }

    /// <summary>Parses a processor list such as <c>0-3,8</c>.</summary>
    internal static HashSet<int> ParseList(ReadOnlySpan<char> list)
    {
        HashSet<int> processors = [];
        foreach (Range part in list.Split(','))
        {
            ReadOnlySpan<char> item = list[part].Trim();
            int dash = item.IndexOf('-');
            if (int.TryParse(dash < 0 ? item : item[..dash], out int first) && int.TryParse(item[(dash + 1)..], out int last)
                && last < MostProcessors)
            {
                for (int cpu = first; cpu <= last; cpu++)
                    processors.Add(cpu);
            }
        }
        return processors;
    }

    private static HashSet<int>? AllowedProcessors()
    {
        try
        {
            string? line = File.ReadLines("/proc/self/status").FirstOrDefault(l => l.StartsWith("Cpus_allowed_list:", StringComparison.Ordinal));
            return line is null ? null : ParseList(line.AsSpan(line.IndexOf(':') + 1));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
