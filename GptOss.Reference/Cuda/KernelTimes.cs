namespace GptOss.Reference.Cuda;

/// <summary>
/// How long every kernel of a pass takes: each launch is repeated by itself, which spoils the numbers that the pass computes and none of the times.
/// </summary>
internal sealed class KernelTimes
{
    /// <summary>How often a launch is repeated.</summary>
    internal const int Repeats = 20;

    private readonly Dictionary<string, (int Launches, double Seconds)> _kernels = [];

    /// <summary>Whether passes are timed now.</summary>
    internal bool IsOn { get; private set; }

    /// <summary>Times what runs: for each kernel its launches, and the seconds of all of them.</summary>
    internal IReadOnlyDictionary<string, (int Launches, double Seconds)> Of(Action run)
    {
        _kernels.Clear();
        IsOn = true;
        try
        {
            run();
        }
        finally
        {
            IsOn = false;
        }
        return _kernels;
    }

    /// <summary>Adds a launch.</summary>
    internal void Add(string kernel, double seconds)
    {
        (int launches, double all) = _kernels.GetValueOrDefault(kernel);
        _kernels[kernel] = (launches + 1, all + seconds);
    }
}
