using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace GptOss.Reference.Checkpoints.Storage;

/// <summary>What this process asks of the system about pages of files: to read them, to hold them, to let go of them. Each is optional.</summary>
/// <remarks>Sources: <c>madvise(2)</c>, <c>mlock(2)</c>, <c>posix_fadvise(2)</c>.</remarks>
internal static unsafe partial class Residency
{
    private const int PopulateRead = 22, DontNeed = 4, OrdinaryPage = 4096;

    /// <summary>Reads pages of a mapping, so that none is missing when it is used first.</summary>
    internal static void Populate(byte* start, long bytes)
    {
        try
        {
            if (OperatingSystem.IsLinux() && Advise((nint)start, (nuint)bytes, PopulateRead) == 0)
                return;
        }
        catch (Exception e) when (IsMissing(e))
        {
            // as below
        }
        byte all = 0;
        for (long at = 0; at < bytes; at += OrdinaryPage)
            all |= Volatile.Read(ref start[at]);
        GC.KeepAlive(all);
    }

    /// <summary>Keeps pages in memory until they are unmapped.</summary>
    /// <returns>False where the system refuses, as it does beyond the limit of locked memory, or cannot.</returns>
    internal static bool TryLock(byte* start, long bytes)
    {
        try
        {
            return !OperatingSystem.IsWindows() && Lock((nint)start, (nuint)bytes) == 0;
        }
        catch (Exception e) when (IsMissing(e))
        {
            return false;
        }
    }

    /// <summary>Lets the system forget what it cached of a part of a file that was copied and is not mapped: it is a second copy.</summary>
    internal static void Forget(SafeFileHandle file, long offset, long bytes)
    {
        try
        {
            if (OperatingSystem.IsLinux())
                _ = AdviseFile(file, offset, bytes, DontNeed);
        }
        catch (Exception e) when (IsMissing(e))
        {
            // It will forget by itself when it needs the memory.
        }
    }

    private static bool IsMissing(Exception e) => e is DllNotFoundException or EntryPointNotFoundException;

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(nint start, nuint bytes, int advice);

    [LibraryImport("libc", EntryPoint = "mlock")]
    private static partial int Lock(nint start, nuint bytes);

    [LibraryImport("libc", EntryPoint = "posix_fadvise")]
    private static partial int AdviseFile(SafeFileHandle file, long offset, long bytes, int advice);
}
