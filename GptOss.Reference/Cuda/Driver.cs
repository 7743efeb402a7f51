using System.Runtime.InteropServices;

namespace GptOss.Reference.Cuda;

/// <summary>
/// The calls of NVIDIA's driver that are needed, by their names in <c>cuda.h</c>. The library comes with the display driver; nothing of CUDA's
/// toolkit is used. Each returns 0 or a number of <see cref="DriverErrors"/>.
/// </summary>
internal sealed unsafe class Driver
{
    internal readonly delegate* unmanaged<uint, int> Init;
    internal readonly delegate* unmanaged<int*, int> DriverGetVersion, DeviceGetCount;
    internal readonly delegate* unmanaged<int*, int, int> DeviceGet;
    internal readonly delegate* unmanaged<byte*, int, int, int> DeviceGetName;
    internal readonly delegate* unmanaged<int*, int, int, int> DeviceGetAttribute;
    internal readonly delegate* unmanaged<nint*, int, int> PrimaryContextRetain;
    internal readonly delegate* unmanaged<int, int> PrimaryContextRelease;
    internal readonly delegate* unmanaged<nint, int> ContextSetCurrent;
    internal readonly delegate* unmanaged<nuint*, nuint*, int> MemGetInfo;
    internal readonly delegate* unmanaged<ulong*, nuint, int> MemAlloc;
    internal readonly delegate* unmanaged<ulong, int> MemFree;
    internal readonly delegate* unmanaged<byte**, nuint, uint, int> MemHostAlloc;
    internal readonly delegate* unmanaged<byte*, int> MemFreeHost;
    internal readonly delegate* unmanaged<ulong, byte*, nuint, nint, int> CopyToDevice;
    internal readonly delegate* unmanaged<byte*, ulong, nuint, nint, int> CopyToHost;
    internal readonly delegate* unmanaged<ulong, ulong, nuint, nint, int> CopyOnDevice;
    internal readonly delegate* unmanaged<nint*, uint, int> StreamCreate, EventCreate;
    internal readonly delegate* unmanaged<nint, int> StreamSynchronize, StreamDestroy, EventSynchronize, EventDestroy, ModuleUnload;
    internal readonly delegate* unmanaged<nint, nint, int> EventRecord;
    internal readonly delegate* unmanaged<nint*, byte*, uint, int*, void**, int> ModuleLoadData;
    internal readonly delegate* unmanaged<nint*, nint, byte*, int> ModuleGetFunction;
    internal readonly delegate* unmanaged<nint, uint, uint, uint, uint, uint, uint, uint, nint, void**, void**, int> LaunchKernel;
    internal readonly delegate* unmanaged<nint, int, int> StreamBeginCapture;
    internal readonly delegate* unmanaged<nint, nint*, int> StreamEndCapture;
    internal readonly delegate* unmanaged<nint*, nint, ulong, int> GraphInstantiate;
    internal readonly delegate* unmanaged<nint, nint, int> GraphLaunch;
    internal readonly delegate* unmanaged<nint, int> GraphDestroy, GraphExecDestroy;
    internal readonly delegate* unmanaged<int, byte**, int> GetErrorString;

    private readonly nint _library;

    /// <summary>Loads the driver's library.</summary>
    /// <param name="path">Another library than the system's own; for tests.</param>
    /// <exception cref="DeviceException">It is not there, or too old to have all calls.</exception>
    internal Driver(string? path = null)
    {
        string name = path ?? (OperatingSystem.IsWindows() ? "nvcuda.dll" : "libcuda.so.1");
        if (!NativeLibrary.TryLoad(name, typeof(Driver).Assembly, path is null ? DllImportSearchPath.SafeDirectories : null, out _library))
        {
            throw new DeviceException($"There is no NVIDIA driver on this machine ({name} was not found).");
        }
        Init = (delegate* unmanaged<uint, int>)Call("cuInit");
        DriverGetVersion = (delegate* unmanaged<int*, int>)Call("cuDriverGetVersion");
        DeviceGetCount = (delegate* unmanaged<int*, int>)Call("cuDeviceGetCount");
        DeviceGet = (delegate* unmanaged<int*, int, int>)Call("cuDeviceGet");
        DeviceGetName = (delegate* unmanaged<byte*, int, int, int>)Call("cuDeviceGetName");
        DeviceGetAttribute = (delegate* unmanaged<int*, int, int, int>)Call("cuDeviceGetAttribute");
        PrimaryContextRetain = (delegate* unmanaged<nint*, int, int>)Call("cuDevicePrimaryCtxRetain");
        PrimaryContextRelease = (delegate* unmanaged<int, int>)Call("cuDevicePrimaryCtxRelease_v2");
        ContextSetCurrent = (delegate* unmanaged<nint, int>)Call("cuCtxSetCurrent");
        MemGetInfo = (delegate* unmanaged<nuint*, nuint*, int>)Call("cuMemGetInfo_v2");
        MemAlloc = (delegate* unmanaged<ulong*, nuint, int>)Call("cuMemAlloc_v2");
        MemFree = (delegate* unmanaged<ulong, int>)Call("cuMemFree_v2");
        MemHostAlloc = (delegate* unmanaged<byte**, nuint, uint, int>)Call("cuMemHostAlloc");
        MemFreeHost = (delegate* unmanaged<byte*, int>)Call("cuMemFreeHost");
        CopyToDevice = (delegate* unmanaged<ulong, byte*, nuint, nint, int>)Call("cuMemcpyHtoDAsync_v2");
        CopyToHost = (delegate* unmanaged<byte*, ulong, nuint, nint, int>)Call("cuMemcpyDtoHAsync_v2");
        CopyOnDevice = (delegate* unmanaged<ulong, ulong, nuint, nint, int>)Call("cuMemcpyDtoDAsync_v2");
        StreamCreate = (delegate* unmanaged<nint*, uint, int>)Call("cuStreamCreate");
        StreamSynchronize = (delegate* unmanaged<nint, int>)Call("cuStreamSynchronize");
        StreamDestroy = (delegate* unmanaged<nint, int>)Call("cuStreamDestroy_v2");
        EventCreate = (delegate* unmanaged<nint*, uint, int>)Call("cuEventCreate");
        EventRecord = (delegate* unmanaged<nint, nint, int>)Call("cuEventRecord");
        EventSynchronize = (delegate* unmanaged<nint, int>)Call("cuEventSynchronize");
        EventDestroy = (delegate* unmanaged<nint, int>)Call("cuEventDestroy_v2");
        ModuleLoadData = (delegate* unmanaged<nint*, byte*, uint, int*, void**, int>)Call("cuModuleLoadDataEx");
        ModuleUnload = (delegate* unmanaged<nint, int>)Call("cuModuleUnload");
        ModuleGetFunction = (delegate* unmanaged<nint*, nint, byte*, int>)Call("cuModuleGetFunction");
        LaunchKernel =
            (delegate* unmanaged<nint, uint, uint, uint, uint, uint, uint, uint, nint, void**, void**, int>)Call("cuLaunchKernel");
        StreamBeginCapture = (delegate* unmanaged<nint, int, int>)Call("cuStreamBeginCapture_v2");
        StreamEndCapture = (delegate* unmanaged<nint, nint*, int>)Call("cuStreamEndCapture");
        GraphInstantiate = (delegate* unmanaged<nint*, nint, ulong, int>)Call("cuGraphInstantiateWithFlags");
        GraphLaunch = (delegate* unmanaged<nint, nint, int>)Call("cuGraphLaunch");
        GraphDestroy = (delegate* unmanaged<nint, int>)Call("cuGraphDestroy");
        GraphExecDestroy = (delegate* unmanaged<nint, int>)Call("cuGraphExecDestroy");
        GetErrorString = (delegate* unmanaged<int, byte**, int>)Call("cuGetErrorString");
    }

    private nint Call(string name) => NativeLibrary.TryGetExport(_library, name, out nint address)
        ? address
        : throw new DeviceException($"The NVIDIA driver is too old: it has no {name}; CUDA 12.0 or later (driver 525) is needed.");
}
