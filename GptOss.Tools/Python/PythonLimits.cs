namespace GptOss.Tools.Python;

/// <summary>What the model's Python may use, where the system can bound it; see <see cref="PythonConfinement"/>.</summary>
public sealed record PythonLimits
{
    /// <summary>Address space of each process, in bytes.</summary>
    public long MemoryBytes { get; init => field = AtLeast(value, 64 << 20, nameof(MemoryBytes)); } = 4L << 30;

    /// <summary>Processes and threads at one time.</summary>
    public int Processes { get; init => field = (int)AtLeast(value, 8, nameof(Processes)); } = 128;

    /// <summary>Length of each file that it writes, in bytes.</summary>
    public long FileBytes { get; init => field = AtLeast(value, 1, nameof(FileBytes)); } = 1L << 30;

    /// <summary>Processor time of each process, in seconds; a call has its own limit in <see cref="PythonToolOptions.Timeout"/>.</summary>
    public int ProcessorSeconds { get; init => field = (int)AtLeast(value, 1, nameof(ProcessorSeconds)); } = 3600;

    private static long AtLeast(long value, long least, string name) =>
        value >= least ? value : throw new ArgumentOutOfRangeException(name, value, $"{name} is {value}; expected at least {least}.");
}
