using System.Diagnostics;
using System.Runtime.InteropServices;
using GptOss.Reference.Cuda;
using GptOss.Reference.Tests.Checkpoints;
using Xunit;

namespace GptOss.Reference.Tests.Cuda;

/// <summary>
/// A library with the driver's calls, compiled in the test: its memory is the process's, its kernels only remember how they were started, and one of
/// its calls may fail.
/// </summary>
internal sealed unsafe class StubDriver : IDisposable
{
    private const string Source = """
        #include <stdint.h>
        #include <stdlib.h>
        #include <string.h>
        #ifndef FAILS
        #define FAILS ""
        #endif
        #ifndef AFTER
        #define AFTER 0
        #endif
        #ifdef LOUD
        #include <stdio.h>
        __attribute__((constructor)) static void loaded(void) { fputs("the stub is loaded\n", stderr); }
        #endif
        typedef uint64_t ptr;
        static int live, calls_before_failing = AFTER;
        static int capturing, captured, replayed;
        static unsigned launched[8];
        static uint64_t arguments[2];
        static int fails(const char *name) { return strcmp(name, FAILS) == 0 && calls_before_failing-- <= 0; }
        #define CALL(name, ...) int name(__VA_ARGS__) { if (fails(#name)) return ERROR;
        CALL(cuInit, unsigned flags) return 0; }
        CALL(cuDriverGetVersion, int *v) *v = VERSION; return 0; }
        CALL(cuDeviceGetCount, int *n) *n = COUNT; return 0; }
        CALL(cuDeviceGet, int *d, int n) *d = n + 40; return 0; }
        CALL(cuDeviceGetName, char *s, int n, int d) strcpy(s, "Stub 1"); return 0; }
        CALL(cuDeviceGetAttribute, int *v, int what, int d) *v = what == 75 ? CAPABILITY / 10 : CAPABILITY % 10; return 0; }
        CALL(cuDevicePrimaryCtxRetain, void **c, int d) live++; *c = &live; return 0; }
        CALL(cuDevicePrimaryCtxRelease_v2, int d) live--; return 0; }
        CALL(cuCtxSetCurrent, void *c) return 0; }
        CALL(cuMemGetInfo_v2, size_t *free, size_t *all) *free = FREE; *all = FREE; return 0; }
        CALL(cuMemAlloc_v2, ptr *p, size_t n) live++; *p = (ptr)malloc(n); return 0; }
        CALL(cuMemFree_v2, ptr p) live--; free((void *)p); return 0; }
        CALL(cuMemHostAlloc, void **p, size_t n, unsigned f) live++; *p = malloc(n); return 0; }
        CALL(cuMemFreeHost, void *p) live--; free(p); return 0; }
        CALL(cuMemcpyHtoDAsync_v2, ptr to, void *from, size_t n, void *s) memcpy((void *)to, from, n); return 0; }
        CALL(cuMemcpyDtoHAsync_v2, void *to, ptr from, size_t n, void *s) memcpy(to, (void *)from, n); return 0; }
        CALL(cuMemcpyDtoDAsync_v2, ptr to, ptr from, size_t n, void *s) memcpy((void *)to, (void *)from, n); return 0; }
        CALL(cuStreamCreate, void **s, unsigned f) live++; *s = (void *)1; return 0; }
        CALL(cuStreamSynchronize, void *s) return 0; }
        CALL(cuStreamDestroy_v2, void *s) live--; return 0; }
        CALL(cuEventCreate, void **e, unsigned f) live++; *e = (void *)2; return 0; }
        CALL(cuEventRecord, void *e, void *s) return 0; }
        CALL(cuEventSynchronize, void *e) return 0; }
        CALL(cuEventDestroy_v2, void *e) live--; return 0; }
        int cuModuleLoadDataEx(void **m, const char *image, unsigned n, int *keys, void **values)
        {
            if (fails("cuModuleLoadDataEx")) {
                for (unsigned i = 0; i < n; i++)
                    if (keys[i] == 5) strcpy(values[i], "ptxas fatal : a reason\nmore\n");
                return ERROR;
            }
            live++; *m = (void *)3; return 0;
        }
        CALL(cuModuleUnload, void *m) live--; return 0; }
        CALL(cuModuleGetFunction, void **f, void *m, const char *name) *f = (void *)(uintptr_t)strlen(name); return 0; }
        CALL(cuLaunchKernel, void *f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared, void *s,
             void **p, void **e)
            captured += capturing;
            if (capturing) return 0;
            unsigned all[8] = {(unsigned)(uintptr_t)f, gx, gy, gz, bx, by, bz, shared};
            memcpy(launched, all, sizeof all);
            arguments[0] = *(uint64_t *)p[0]; arguments[1] = *(uint32_t *)p[1];
            return 0;
        }
        CALL(cuStreamBeginCapture_v2, void *s, int mode) live++; capturing = mode == 1; captured = 0; return 0; }
        CALL(cuStreamEndCapture, void *s, void **g) capturing = 0; *g = (void *)4; return 0; }
        CALL(cuGraphInstantiateWithFlags, void **e, void *g, unsigned long long f) live++; *e = (void *)(uintptr_t)(100 + captured); return 0; }
        CALL(cuGraphDestroy, void *g) live--; return 0; }
        CALL(cuGraphExecDestroy, void *e) live--; return 0; }
        CALL(cuGraphLaunch, void *e, void *s) replayed += (int)(uintptr_t)e - 100; return 0; }
        #ifndef OLD
        CALL(cuGetErrorString, int error, const char **text) *text = "a rare error"; return 0; }
        #endif
        int stub_live(void) { return live; }
        int stub_replayed(void) { return replayed; }
        void stub_launched(unsigned *to, uint64_t *a) { memcpy(to, launched, sizeof launched); memcpy(a, arguments, sizeof arguments); }
        """;

    private readonly TemporaryFolder _folder = new();
    private readonly nint _library;

    /// <param name="options">
    /// Of the compiler: VERSION, COUNT, CAPABILITY, FAILS (a call), AFTER (so many calls), ERROR, FREE (bytes), OLD, LOUD (says that it is loaded).
    /// </param>
    internal StubDriver(params string[] options)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && File.Exists("/usr/bin/gcc"),
            "The stub of the driver needs gcc, which is not on this machine.");
        string source = _folder.File("stub.c"), library = _folder.File("libcuda.so.1");
        File.WriteAllText(source, Source);
        // The first definition of a name holds, so the given ones come first.
        string[] defaults = [.. new[] { "VERSION=12040", "COUNT=1", "CAPABILITY=86", "ERROR=999", "FREE=1000" }
            .Where(standard => !options.Any(option => option.StartsWith(standard.Split('=')[0] + "=", StringComparison.Ordinal)))];
        using var compiler = Process.Start(new ProcessStartInfo("/usr/bin/gcc",
            ["-shared", "-fPIC", "-w", "-o", library, source, .. options.Concat(defaults).Select(option => $"-D{option}")]))!;
        compiler.WaitForExit();
        Assert.Equal(0, compiler.ExitCode);
        _library = NativeLibrary.Load(library);
        Path = library;
    }

    internal string Path { get; }

    /// <summary>Handles and allocations that were not given back.</summary>
    internal int Live => ((delegate* unmanaged<int>)NativeLibrary.GetExport(_library, "stub_live"))();

    /// <summary>Launches of all recordings that were replayed.</summary>
    internal int Replayed => ((delegate* unmanaged<int>)NativeLibrary.GetExport(_library, "stub_replayed"))();

    internal Driver Load() => new(Path);

    /// <summary>Length of the kernel's name, grid, block and shared memory of the last launch, and its first two arguments.</summary>
    internal (uint[] Shape, ulong First, ulong Second) Launched()
    {
        uint[] shape = new uint[8];
        ulong[] arguments = new ulong[2];
        fixed (uint* to = shape)
        fixed (ulong* values = arguments)
            ((delegate* unmanaged<uint*, ulong*, void>)NativeLibrary.GetExport(_library, "stub_launched"))(to, values);
        return (shape, arguments[0], arguments[1]);
    }

    public void Dispose() => _folder.Dispose();
}
