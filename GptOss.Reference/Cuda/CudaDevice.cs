using System.Diagnostics;
using System.Globalization;
using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Model;
using GptOss.Reference.Numerics;
using GptOss.Reference.Numerics.Lanes;

namespace GptOss.Reference.Cuda;

/// <summary>
/// An NVIDIA GPU that computes models with the bits of the processor: <c>new ModelOptions { Device = CudaDevice.Open(0) }</c>. It needs NVIDIA's
/// driver and nothing else.
/// </summary>
/// <remarks>
/// Attention and unembedding run on the card, and the experts of as many layers as fit; the experts of the others run on the processor. A device that
/// has failed says so at every later call.
/// </remarks>
public sealed class CudaDevice : Device
{
    private const int MostExperts = 1024, MostChoices = 32, MostSharedFloats = DeviceKernels.SharedBytes / sizeof(float);

    private readonly Gpu _gpu;
    private readonly Func<int, bool>? _holds;

    /// <summary>A device over a card.</summary>
    /// <param name="gpu">The card, which it closes.</param>
    /// <param name="name">What it is called.</param>
    /// <param name="holds">Which layers' experts go to the card; null for as many as fit.</param>
    internal CudaDevice(Gpu gpu, string name, Func<int, bool>? holds = null) => (_gpu, Name, _holds) = (gpu, name, holds);

    /// <inheritdoc/>
    public override string Name { get; }

    /// <summary>
    /// Tokens of one sequence for whose keys and values a model keeps room when it is loaded; experts get what is left. With
    /// <see cref="ModelOptions.CacheBytes"/> that is kept instead.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Less than 1.</exception>
    public int ContextTokens
    {
        get;
        set
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, 1);
            field = value;
        }
    } = Placement.ContextTokens;

    /// <summary>Receives why it does not run a model, which the processor runs then. Null: that is an error.</summary>
    internal Action<string>? Refused { get; init; }

    /// <summary>How long the kernels of its models take, where somebody asks.</summary>
    internal KernelTimes Times { get; } = new();

    /// <summary>Memory of the card that is free now.</summary>
    internal long FreeBytes
    {
        get
        {
            lock (Gate)
                return _gpu.FreeBytes;
        }
    }

    /// <summary>Opens a GPU.</summary>
    /// <param name="ordinal">Its number among those that the driver sees.</param>
    /// <exception cref="DeviceException">The driver or the GPU is missing or too old; the message is one sentence.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="ordinal"/> is negative.</exception>
    public static CudaDevice Open(int ordinal = 0) => Open(ordinal, driver: null);

    /// <summary>The same with another driver than the system's, for tests, or with what is to receive refusals.</summary>
    internal static CudaDevice Open(int ordinal, Driver? driver, Action<string>? refused = null)
    {
        DriverGpu gpu = new(ordinal, driver);
        return new(gpu, string.Create(CultureInfo.InvariantCulture, $"cuda:{ordinal} ({gpu.Name})")) { Refused = refused };
    }

    /// <inheritdoc/>
    internal override DeviceModel? Load(ModelWeights weights, GptOssConfig config, Kernels kernels, ModelOptions options)
    {
        try
        {
            Require(config, options);
            Placement placement = Fitting(config, options.CacheBytes);
            return new CudaModel(_gpu, Name, _holds ?? placement.Holds, weights, config, kernels, options, Times);
        }
        catch (DeviceException e) when (Refused is not null)
        {
            Refused(e.Message);
            return null;
        }
    }

    /// <summary>What of a model fits.</summary>
    /// <exception cref="DeviceException">Not even what has to be on the card does, or the kernels do not know such a shape.</exception>
    internal Placement Fitting(GptOssConfig config, long? cacheBytes)
    {
        RequireShape(config);
        var placement = Placement.Of(config, FreeBytes, cacheBytes, ContextTokens);
        return placement.Fits ? placement : throw new DeviceException(placement.WhyNot(Name));
    }

    /// <summary>Bytes a second that copies within the card reach now, read and written bytes counted.</summary>
    internal double MeasureCopies()
    {
        const int Most = 256 << 20, Copies = 8;
        lock (Gate)
        {
            using Allocations memory = new(_gpu, uploading: null);
            int bytes = (int)Math.Min(Most, _gpu.FreeBytes / 4) & ~255;
            ulong from = memory.Allocate(bytes), to = memory.Allocate(bytes);
            _gpu.Copy(from, to, bytes);                // the first one wakes the card
            _gpu.Synchronize();
            long start = Stopwatch.GetTimestamp();
            for (int i = 0; i < Copies; i++)
                _gpu.Copy(from, to, bytes);
            _gpu.Synchronize();
            return 2.0 * Copies * bytes / Stopwatch.GetElapsedTime(start).TotalSeconds;
        }
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        lock (Gate)
            _gpu.Dispose();
    }

    private static void Require(GptOssConfig config, ModelOptions options)
    {
        if (options.Precision != Precision.Float32)
            throw new DeviceException($"The {options.Precision.Name()} profile runs on the processor only.");
        if (options.Pack)
            throw new DeviceException("Packed weights are for the processor; a GPU reads them as published.");
        RequireShape(config);
    }

    private static void RequireShape(GptOssConfig c)
    {
        string? what = c.HeadDim is not (32 or 64 or 128) ? $"a head dimension of {c.HeadDim}; it can be 32, 64 or 128"
            : c.HiddenSize % 32 != 0 || c.IntermediateSize % 32 != 0
                ? $"{c.HiddenSize} and {c.IntermediateSize} channels; they have to be multiples of 32"
            : Math.Max(c.HiddenSize, c.IntermediateSize) > MostSharedFloats
                ? $"{Math.Max(c.HiddenSize, c.IntermediateSize)} channels; {MostSharedFloats} fit"
            : c.QueriesPerKeyValueHead > DeviceKernels.MostQueries
                ? $"{c.QueriesPerKeyValueHead} query heads for one key/value head; {DeviceKernels.MostQueries} fit"
            : c.NumExperts > MostExperts ? $"{c.NumExperts} experts; {MostExperts} fit"
            : c.ExpertsPerToken > MostChoices ? $"{c.ExpertsPerToken} experts for a token; {MostChoices} fit"
            : null;
        if (what is not null)
            throw new DeviceException($"The GPU's kernels do not know {what}.");
    }
}
