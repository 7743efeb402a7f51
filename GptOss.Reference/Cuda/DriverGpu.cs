using System.Globalization;
using System.Text;

namespace GptOss.Reference.Cuda;

/// <summary>A card behind NVIDIA's driver: its primary context, one stream, and the kernels as the driver assembled them for it.</summary>
/// <remarks>
/// One thread at a time may use an instance, any thread. Copies go through two pinned buffers, one being filled while the other is on its way. A
/// driver that has failed once, otherwise than for want of memory, does not recover within the process; every later call says so.
/// </remarks>
internal sealed unsafe class DriverGpu : Gpu
{
    private const int OldestVersion = 12000, OldestCapability = 75, MajorAttribute = 75, MinorAttribute = 76, MostArguments = 16, LogBytes = 4096,
        ErrorLogBuffer = 5, ErrorLogBytes = 6, StreamNonBlocking = 1, EventWithoutTiming = 2,
        CaptureThreadLocal = 1;

    private readonly Driver _driver;
    private readonly int _device, _stagingBytes;
    private readonly nint _context, _stream, _module;
    private readonly Dictionary<string, nint> _functions = [];
    private readonly byte*[] _staging = new byte*[2];
    private readonly nint[] _events = new nint[2];
    private int _next;
    private string? _broken;
    private bool _disposed;

    /// <summary>Opens a card.</summary>
    /// <param name="ordinal">Its number.</param>
    /// <param name="driver">Another driver than the system's; for tests.</param>
    /// <param name="ptx">Other kernels than the shipped ones; for tests.</param>
    /// <param name="stagingBytes">Size of a pinned buffer.</param>
    /// <exception cref="DeviceException">There is no driver or no such card, one of them is too old, or the kernels are refused.</exception>
    internal DriverGpu(int ordinal, Driver? driver = null, string? ptx = null, int stagingBytes = 8 << 20)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(ordinal);
        _driver = driver ?? new Driver();
        _stagingBytes = stagingBytes;
        try
        {
            Require(_driver.Init(0), "start");
            int version, count, device, major, minor;
            Require(_driver.DriverGetVersion(&version), "say its version");
            if (version < OldestVersion)
            {
                throw Fault(string.Create(CultureInfo.InvariantCulture,
                    $"The NVIDIA driver offers CUDA {version / 1000}.{version % 1000 / 10}; 12.0 or later (driver 525) is needed."));
            }
            Require(_driver.DeviceGetCount(&count), "count its GPUs");
            if (ordinal >= count)
                throw Fault($"There is no device cuda:{ordinal}: the driver sees {count} {(count == 1 ? "GPU" : "GPUs")}.");
            Require(_driver.DeviceGet(&device, ordinal), "open the GPU");
            _device = device;
            Require(_driver.DeviceGetAttribute(&major, MajorAttribute, device), "say the compute capability");
            Require(_driver.DeviceGetAttribute(&minor, MinorAttribute, device), "say the compute capability");
            if (major * 10 + minor < OldestCapability)
                throw Fault($"cuda:{ordinal} has compute capability {major}.{minor}; 7.5 (Turing, 2018) or later is needed.");
            Name = ReadName();
            nint handle;
            Require(_driver.PrimaryContextRetain(&handle, device), "open the GPU");
            _context = handle;
            Require(_driver.ContextSetCurrent(_context), "open the GPU");
            Require(_driver.StreamCreate(&handle, StreamNonBlocking), "open the GPU");
            _stream = handle;
            for (int i = 0; i < 2; i++)
            {
                Require(_driver.EventCreate(&handle, EventWithoutTiming), "open the GPU");
                _events[i] = handle;
                byte* buffer;
                Require(_driver.MemHostAlloc(&buffer, (nuint)stagingBytes, 0), "pin memory for copies");
                _staging[i] = buffer;
            }
            _module = LoadKernels(ptx ?? KernelImage.Text);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    internal override string Name { get; } = "";

    /// <inheritdoc/>
    internal override long FreeBytes
    {
        get
        {
            Enter();
            nuint free, total;
            Require(_driver.MemGetInfo(&free, &total), "say how much memory is free");
            return (long)free;
        }
    }

    /// <inheritdoc/>
    internal override ulong Allocate(long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bytes);
        Enter();
        ulong address;
        int error = _driver.MemAlloc(&address, (nuint)bytes);
        string what = string.Create(CultureInfo.InvariantCulture, $"allocate {(bytes + 999_999) / 1_000_000} MB");
        if (error == DriverErrors.OutOfMemory)
            throw new InsufficientMemoryException(DriverErrors.Sentence(_driver, error, what));
        Require(error, what);
        return address;
    }

    /// <inheritdoc/>
    internal override ulong Keep(ReadOnlySpan<byte> weights, ReadOnlySpan<byte> second = default, ReadOnlySpan<byte> third = default)
    {
        ulong address = Allocate((long)weights.Length + second.Length + third.Length);
        Upload(weights, address);
        Upload(second, address + (ulong)weights.Length);
        Upload(third, address + (ulong)weights.Length + (ulong)second.Length);
        return address;
    }

    /// <inheritdoc/>
    internal override void Free(ulong address)
    {
        Enter();
        Require(_driver.MemFree(address), "free memory");
    }

    /// <inheritdoc/>
    internal override void Upload(ReadOnlySpan<byte> from, ulong to)
    {
        Enter();
        for (int done = 0; done < from.Length;)
        {
            ReadOnlySpan<byte> part = from.Slice(done, Math.Min(_stagingBytes, from.Length - done));
            Require(_driver.EventSynchronize(_events[_next]), "copy to the GPU");
            part.CopyTo(new Span<byte>(_staging[_next], _stagingBytes));
            Require(_driver.CopyToDevice(to + (ulong)done, _staging[_next], (nuint)part.Length, _stream), "copy to the GPU");
            Require(_driver.EventRecord(_events[_next], _stream), "copy to the GPU");
            _next ^= 1;
            done += part.Length;
        }
    }

    /// <inheritdoc/>
    internal override void Download(ulong from, Span<byte> to)
    {
        Enter();
        for (int done = 0; done < to.Length; done += _stagingBytes)
        {
            Span<byte> part = to.Slice(done, Math.Min(_stagingBytes, to.Length - done));
            Require(_driver.CopyToHost(_staging[_next], from + (ulong)done, (nuint)part.Length, _stream), "copy from the GPU");
            Require(_driver.StreamSynchronize(_stream), "finish its work");
            new ReadOnlySpan<byte>(_staging[_next], part.Length).CopyTo(part);
        }
    }

    /// <inheritdoc/>
    internal override void Copy(ulong from, ulong to, int bytes)
    {
        Enter();
        Require(_driver.CopyOnDevice(to, from, (nuint)bytes, _stream), "copy on the GPU");
    }

    /// <inheritdoc/>
    internal override void Launch(string kernel, Grid grid, int threads, int sharedBytes, params ReadOnlySpan<KernelArgument> arguments)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(arguments.Length, MostArguments);
        Enter();
        ulong* values = stackalloc ulong[MostArguments];
        void** pointers = stackalloc void*[MostArguments];
        for (int i = 0; i < arguments.Length; i++)
        {
            values[i] = arguments[i].Value;
            pointers[i] = values + i;                  // little-endian: an argument of 4 bytes is the first half
        }
        Require(_driver.LaunchKernel(FunctionOf(kernel), (uint)grid.X, (uint)grid.Y, (uint)grid.Z, (uint)threads, 1, 1, (uint)sharedBytes, _stream,
            pointers, null), $"start {kernel}");
    }

    /// <inheritdoc/>
    internal override nint Record(Action launches)
    {
        Enter();
        Require(_driver.StreamBeginCapture(_stream, CaptureThreadLocal), "record launches");
        nint graph = 0, recorded;
        try
        {
            launches();
        }
        catch
        {
            _ = _driver.StreamEndCapture(_stream, &graph);
            if (graph != 0)
                _ = _driver.GraphDestroy(graph);
            throw;
        }
        Require(_driver.StreamEndCapture(_stream, &graph), "record launches");
        int error = _driver.GraphInstantiate(&recorded, graph, 0);
        _ = _driver.GraphDestroy(graph);
        Require(error, "prepare recorded launches");
        return recorded;
    }

    /// <inheritdoc/>
    internal override void Replay(nint recorded)
    {
        Enter();
        Require(_driver.GraphLaunch(recorded, _stream), "start recorded launches");
    }

    /// <inheritdoc/>
    internal override void Forget(nint recorded)
    {
        Enter();
        Require(_driver.GraphExecDestroy(recorded), "free recorded launches");
    }

    /// <inheritdoc/>
    internal override void Synchronize()
    {
        Enter();
        Require(_driver.StreamSynchronize(_stream), "finish its work");
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        if (_disposed)
            return;
        _disposed = true;
        if (_context == 0)
            return;
        // What fails here fails because the driver is broken or on its way out; it gives everything back by itself then.
        _ = _driver.ContextSetCurrent(_context);
        if (_stream != 0)
            _ = _driver.StreamSynchronize(_stream);
        if (_module != 0)
            _ = _driver.ModuleUnload(_module);
        for (int i = 0; i < 2; i++)
        {
            if (_staging[i] != null)
                _ = _driver.MemFreeHost(_staging[i]);
            if (_events[i] != 0)
                _ = _driver.EventDestroy(_events[i]);
        }
        if (_stream != 0)
            _ = _driver.StreamDestroy(_stream);
        _ = _driver.PrimaryContextRelease(_device);
    }

    private string ReadName()
    {
        const int Bytes = 256;
        byte* name = stackalloc byte[Bytes];
        Require(_driver.DeviceGetName(name, Bytes, _device), "say the GPU's name");
        ReadOnlySpan<byte> text = new(name, Bytes);
        return Encoding.UTF8.GetString(text[..Math.Max(0, text.IndexOf((byte)0))]);
    }

    private nint LoadKernels(string ptx)
    {
        int* keys = stackalloc int[2];
        void** values = stackalloc void*[2];
        byte[] image = [.. Encoding.ASCII.GetBytes(ptx), 0], log = new byte[LogBytes];
        fixed (byte* text = image, errors = log)
        {
            (keys[0], keys[1]) = (ErrorLogBuffer, ErrorLogBytes);
            values[0] = errors;
            values[1] = (void*)LogBytes;
            nint module;
            int error = _driver.ModuleLoadData(&module, text, 2, keys, values);
            string first = Encoding.UTF8.GetString(log).Split('\0', '\n')[0].Trim();
            Require(error, first.Length > 0 ? $"assemble the kernels ({first})" : "assemble the kernels");
            return module;
        }
    }

    private nint FunctionOf(string kernel)
    {
        if (_functions.TryGetValue(kernel, out nint function))
            return function;
        fixed (byte* name = (byte[])[.. Encoding.ASCII.GetBytes(kernel), 0])
            Require(_driver.ModuleGetFunction(&function, _module, name), $"find the kernel {kernel}");
        return _functions[kernel] = function;
    }

    /// <summary>The context belongs to threads, and any thread may call.</summary>
    private void Enter()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (_broken is not null)
            throw new DeviceException($"The GPU can no longer be used. {_broken}");
        Require(_driver.ContextSetCurrent(_context), "use the GPU");
    }

    private void Require(int error, string what)
    {
        if (error == 0)
            return;
        _broken = DriverErrors.Sentence(_driver, error, what);
        throw new DeviceException(_broken);
    }

    private static DeviceException Fault(string sentence) => new(sentence);
}
