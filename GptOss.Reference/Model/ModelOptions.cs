using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Numerics.Workers;

namespace GptOss.Reference.Model;

/// <summary>
/// How a model is run. None of it changes a bit of the result, except <see cref="Precision"/> and <see cref="RoundYarnBounds"/>.
/// </summary>
public sealed record ModelOptions
{
    /// <summary>Where values are rounded.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not one of the profiles.</exception>
    public Precision Precision
    {
        get;
        init => field = Enum.IsDefined(value) ? value : throw new ArgumentOutOfRangeException(nameof(Precision), value, "There is no such profile.");
    } = Precision.Float32;

    /// <summary>
    /// Rounds the bounds of YaRN's ramp to whole pairs of channels, as llama.cpp does: for comparison with it. The published model does not.
    /// </summary>
    public bool RoundYarnBounds { get; init; }

    /// <summary>Register width. One that the machine lacks is refused when the model is loaded.</summary>
    public RegisterWidth Width { get; init; } = RegisterWidths.Widest;

    /// <summary>Worker threads; null for the physical cores.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not in 1 … <see cref="WorkerPool.MostThreads"/>.</exception>
    public int? Threads
    {
        get;
        init => field = WorkerPool.Checked(value, nameof(Threads));
    }

    /// <summary>
    /// Packs the dense weights (attention, router, unembedding) without loss when the model is loaded: a quarter fewer of their bytes for
    /// every decoded token, for about three quarters of their size in private memory and some seconds. Changes no bit.
    /// </summary>
    public bool Pack { get; init; }

    /// <summary>
    /// With <see cref="Precision.Fast"/>: rounds the bfloat16 weights of attention and unembedding to Q8_0 when the model is loaded, about half of
    /// their bytes for every decoded token. Changes the result; the router's weights stay as they are.
    /// </summary>
    public bool RoundDense { get; init; }

    /// <summary>
    /// Reads the weights into private memory first, on large pages where the system has them: for machines that drop mapped pages which go unused
    /// for a while. Changes no bit.
    /// </summary>
    public bool Preload { get; init; }

    /// <summary>
    /// Reads the weights first and keeps them in memory, where the system lets this process lock so much; <see cref="Transformer.IsLocked"/> says
    /// whether it did. Changes no bit.
    /// </summary>
    public bool Lock { get; init; }

    /// <summary>Receives how far weights have been read that are preloaded, locked or copied to a device; from any thread.</summary>
    public IProgress<LoadProgress>? Loading { get; init; }

    /// <summary>
    /// The most bytes of keys and values that all sequences of the model may hold together, shared pages counted once; null for no limit.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Less than 1.</exception>
    public long? CacheBytes
    {
        get;
        init => field = value is null or >= 1
            ? value
            : throw new ArgumentOutOfRangeException(nameof(CacheBytes), value, "The cache has at least 1 byte, or null for no limit.");
    }

    /// <summary>
    /// What computes in place of the processor, such as a GPU; null for the processor. What does not fit there stays on the processor. Changes no
    /// bit. The device is the caller's, who closes it after the model.
    /// </summary>
    public Device? Device { get; init; }

    /// <summary>Cancels loading while weights are copied or packed.</summary>
    public CancellationToken Cancellation { get; init; }
}
