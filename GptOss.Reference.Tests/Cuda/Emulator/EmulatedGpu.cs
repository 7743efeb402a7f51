using GptOss.Reference.Cuda;

namespace GptOss.Reference.Tests.Cuda.Emulator;

/// <summary>A card of this process: the shipped PTX runs in a <see cref="Machine"/>.</summary>
/// <param name="module">The kernels; null for the shipped ones.</param>
/// <param name="seed">Of the order of blocks and warps; null for the plain order.</param>
/// <param name="bytes">Memory of the card.</param>
internal sealed class EmulatedGpu(PtxModule? module = null, int? seed = 1, long bytes = 1L << 32) : Gpu
{
    private static readonly Lazy<PtxModule> Shipped = new(() => PtxModule.Parse(KernelImage.Text));

    private readonly DeviceMemory _memory = new(bytes);
    private readonly Dictionary<nint, List<Action>> _recordings = [];
    private Machine? _machine;
    private List<Action>? _recording;
    private nint _lastRecording;

    internal static PtxModule ShippedModule => Shipped.Value;

    internal override string Name => "emulated";

    internal override long FreeBytes => bytes - _memory.Used;

    internal long WarpInstructions => Machine.WarpInstructions;

    /// <summary>Allocations that were not freed.</summary>
    internal int Allocations => _memory.Count;

    /// <summary>Bytes that kernels have loaded so far from what begins at an address.</summary>
    internal long Loaded(ulong address) => _memory.Loaded(address);

    /// <summary>Recordings that were not forgotten.</summary>
    internal int Recordings => _recordings.Count;

    /// <summary>How often recordings were replayed.</summary>
    internal int Replays { get; private set; }

    /// <summary>Launches that were asked for one by one.</summary>
    internal int Launches { get; private set; }

    /// <summary>Bytes that were copied to the card beside weights.</summary>
    internal long Uploaded { get; private set; }

    private Machine Machine => _machine ??= new(module ?? ShippedModule, _memory, seed is { } given ? new Random(given) : null);

    internal override ulong Allocate(long bytes) => Plain(_memory).Allocate(bytes, isReadOnly: false);

    internal override ulong Keep(ReadOnlySpan<byte> weights, ReadOnlySpan<byte> second = default, ReadOnlySpan<byte> third = default)
    {
        int bytes = checked(weights.Length + second.Length + third.Length);
        ulong address = Plain(_memory).Allocate(bytes, isReadOnly: true);
        Span<byte> to = _memory.Write(address, bytes, isFirst: true);
        weights.CopyTo(to);
        second.CopyTo(to[weights.Length..]);
        third.CopyTo(to[(weights.Length + second.Length)..]);
        return address;
    }

    internal override void Free(ulong address) => Plain(_memory).Free(address);

    internal override void Upload(ReadOnlySpan<byte> from, ulong to)
    {
        from.CopyTo(Plain(_memory).Write(to, from.Length));
        Uploaded += from.Length;
    }

    internal override void Download(ulong from, Span<byte> to) => Plain(_memory).Read(from, to.Length).CopyTo(to);

    internal override void Copy(ulong from, ulong to, int bytes) => Plain(_memory).Copy(from, to, bytes);

    internal override void Launch(string kernel, Grid grid, int threads, int sharedBytes, params ReadOnlySpan<KernelArgument> arguments)
    {
        if (_recording is { } recording)
        {
            KernelArgument[] kept = arguments.ToArray();
            recording.Add(() => Machine.Launch(kernel, grid, threads, sharedBytes, kept));
            return;
        }
        Launches++;
        Machine.Launch(kernel, grid, threads, sharedBytes, arguments);
    }

    internal override nint Record(Action launches)
    {
        _recording = Plain(new List<Action>());
        try
        {
            launches();
            _recordings.Add(++_lastRecording, _recording);
            return _lastRecording;
        }
        finally
        {
            _recording = null;
        }
    }

    internal override void Replay(nint recorded)
    {
        if (!Plain(_recordings).TryGetValue(recorded, out List<Action>? launches))
            throw new MachineFault("What is replayed was not recorded, or is forgotten.");
        launches.ForEach(launch => launch());
        Replays++;
    }

    internal override void Forget(nint recorded)
    {
        if (!Plain(_recordings).Remove(recorded))
            throw new MachineFault("What is forgotten was not recorded, or is forgotten already.");
    }

    internal override void Synchronize() => Plain(_memory);

    public override void Dispose()
    {
    }

    // What must not be asked for while launches are recorded.
    private T Plain<T>(T what) => _recording is null ? what
        : throw new MachineFault("Something but a launch is asked for while launches are recorded.");
}
