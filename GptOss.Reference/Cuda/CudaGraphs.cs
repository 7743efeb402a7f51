using GptOss.Reference.Model;

namespace GptOss.Reference.Cuda;

/// <summary>
/// Launches that were recorded and are replayed with one call: those of blocks that follow each other on the card, for few tokens. What changes from
/// token to token is in <see cref="Step"/>.
/// </summary>
/// <remarks>
/// The first pass of its kind runs as it is, so that the driver has loaded every kernel; the second is recorded. A driver that cannot record
/// is an error like any other.
/// </remarks>
/// <param name="gpu">The card.</param>
internal sealed class CudaGraphs(Gpu gpu) : IDisposable
{
    /// <summary>Recordings that are kept; one more drops all of them.</summary>
    internal const int Most = 256;

    private readonly Dictionary<(Block Blocks, int Tokens, int Keys), nint> _recorded = [];          // 0: has run once

    /// <summary>Runs launches that are the same whenever blocks, tokens and keys are.</summary>
    internal void Run(Block blocks, int tokens, int keys, Action launches)
    {
        var kind = (blocks, tokens, keys);
        if (!_recorded.TryGetValue(kind, out nint recorded))
        {
            launches();
            if (_recorded.Count == Most)
                Clear();
            _recorded.Add(kind, 0);
            return;
        }
        if (recorded == 0)
            recorded = _recorded[kind] = gpu.Record(launches);
        gpu.Replay(recorded);
    }

    /// <summary>Frees all that the card still has.</summary>
    public void Dispose()
    {
        try
        {
            Clear();
        }
        catch (Exception e) when (e is DeviceException or ObjectDisposedException)
        {
            _recorded.Clear();                         // the card is closed, or broken: what it has goes with the process
        }
    }

    private void Clear()
    {
        foreach (nint recorded in _recorded.Values)
        {
            if (recorded != 0)
                gpu.Forget(recorded);
        }
        _recorded.Clear();
    }
}
