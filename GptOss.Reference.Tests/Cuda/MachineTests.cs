using System.Runtime.InteropServices;
using GptOss.Reference.Cuda;
using GptOss.Reference.Tests.Cuda.Emulator;
using Xunit;

namespace GptOss.Reference.Tests.Cuda;

/// <summary>The emulated card finds what a card would not say, and runs threads that part as a card does.</summary>
public class MachineTests
{
    // Element %r0 of the memory at %rd0, and a value.
    private const string Own = "mul.wide.s32 %rd1, %r0, 4; add.s64 %rd2, %rd0, %rd1; mov.u32 %r1, 7;\n";

    [Theory]
    [InlineData("st.global.u32 [%rd0+256], %r0;", "outside every allocation")]
    [InlineData("st.global.u32 [%rd0+-4], %r0;", "outside every allocation")]
    [InlineData("ld.global.u32 %r1, [%rd0+253];", "is not a multiple of 4")]
    [InlineData("ld.global.v4.f32 {%f1, %f2, %f3, %f4}, [%rd0+8];", "is not a multiple of 16")]
    [InlineData("ld.global.u32 %r1, [%rd0];", "what was never written")]
    [InlineData("ld.shared.u32 %r1, [own];", "was never written")]
    [InlineData("ld.shared.u32 %r1, [more];", "4 bytes at 64 of 64 shared bytes")]
    [InlineData("st.shared.u32 [own+62], %r0;", "is not a multiple of 4")]
    [InlineData("mov.f32 %f1, 0f00000000; st.shared.v4.f32 [own+8], {%f1, %f1, %f1, %f1};", "is not a multiple of 16")]
    [InlineData("mov.f32 %f1, 0f00000000; st.shared.v4.f32 [own], {%f1, %f1, %f1, %f1}; ld.shared.u32 %r1, [own+16];", "was never written", 1)]
    [InlineData("st.shared.u32 [own], %r0;", "another thread uses without a barrier between")]
    [InlineData("mul.wide.s32 %rd1, %r0, 4; mov.u64 %rd2, own; add.s64 %rd3, %rd2, %rd1; st.shared.u32 [%rd3], %r0; ld.shared.u32 %r1, [own];",
        "another thread uses without a barrier between", 8)]
    [InlineData("setp.lt.s32 %p1, %r0, 16; @%p1 bra L1; bar.sync 0; ret; L1: shfl.sync.bfly.b32 %r1, %r0, 1, 31, -1;",
        "wait at a shuffle for threads that never come")]
    [InlineData("setp.lt.s32 %p1, %r0, 16; @%p1 bra L1; ret; L1: shfl.sync.bfly.b32 %r1, %r0, 16, 31, -1;", "which has left")]
    [InlineData("setp.lt.s32 %p1, %r0, 16; @%p1 bra L1; bar.sync 0; ret; L1: bar.sync 0;", "wait at different barriers")]
    public void A_kernel_that_does_what_it_must_not_is_found(string body, string says, int threads = 32)
    {
        using EmulatedGpu gpu = new(PtxText.Kernel(body));
        Assert.Contains(says, Fault(() => gpu.Launch("k", new(1), threads, 0, gpu.Allocate(256))));
    }

    [Fact]
    public void A_write_to_weights_is_found()
    {
        using EmulatedGpu gpu = new(PtxText.Kernel(Own + "st.global.u32 [%rd2], %r1;"));
        ulong weights = gpu.Keep(new byte[128]);
        Assert.Contains("writes to weights", Fault(() => gpu.Launch("k", new(1), 32, 0, weights)));
        Assert.Contains("writes to weights", Fault(() => gpu.Upload(new byte[4], weights)));
    }

    [Theory]
    [InlineData("mov.u32 %r2, %ctaid.x; setp.ne.s32 %p1, %r2, 0; @%p1 bra L1; st.global.u32 [%rd0], %r0; ret; L1: ld.global.u32 %r1, [%rd0];",
        "reads")]
    [InlineData("st.global.u32 [%rd0], %r0;", "writes")]
    public void Blocks_that_use_what_another_of_the_same_launch_writes_are_found(string body, string does)
    {
        using EmulatedGpu gpu = new(PtxText.Kernel(body), seed: null);
        Assert.Contains(does, Fault(() => gpu.Launch("k", new(2), 1, 0, gpu.Allocate(4))));
    }

    [Theory]
    [InlineData(1, 1, 1, 0, 0)]
    [InlineData(1, 1, 1, 1025, 0)]
    [InlineData(0, 1, 1, 32, 0)]
    [InlineData(1, 65536, 1, 32, 0)]
    [InlineData(1, 1, 65536, 32, 0)]
    [InlineData(1, 1, 1, 32, 48 * 1024)]
    public void A_launch_beyond_what_every_card_can_do_is_found(int x, int y, int z, int threads, int shared)
    {
        using EmulatedGpu gpu = new(PtxText.Kernel(""));
        Fault(() => gpu.Launch("k", new(x, y, z), threads, shared, gpu.Allocate(4)));
    }

    [Fact]
    public void A_kernel_that_is_not_there_or_takes_other_arguments_is_found()
    {
        using EmulatedGpu gpu = new();
        Assert.Contains("There is no kernel", Fault(() => gpu.Launch("k", new(1), 32, 0)));
        Assert.Contains("takes 5 arguments, not 1", Fault(() => gpu.Launch("mix_experts", new(1), 32, 0, 0ul)));
        Assert.Contains("argument 3 has 8 bytes, the parameter 4", Fault(() => gpu.Launch("mix_experts", new(1), 32, 0, 0ul, 0ul, 0ul, 0ul, 0ul)));
        Assert.Contains("a block has 1 to 256", Fault(() => gpu.Launch("gemm_linear", new(1), 512, 0, 0ul, 0ul, 0ul, 0ul, 1, 1, 16, 0)));
    }

    [Fact]
    public void Nothing_but_launches_is_recorded_and_what_is_forgotten_is_not_replayed()
    {
        using EmulatedGpu gpu = new(PtxText.Kernel("mov.u32 %r1, 7; st.global.u32 [%rd0], %r1;"));
        ulong memory = gpu.Allocate(4);
        byte[] got = new byte[4];
        nint recorded = gpu.Record(() => gpu.Launch("k", new(1), 1, 0, memory));
        Assert.Contains("was never written", Fault(() => gpu.Download(memory, got)));
        gpu.Replay(recorded);
        gpu.Download(memory, got);
        Assert.Equal([7, 0, 0, 0], got);
        foreach (Action other in new Action[]
        {
            () => gpu.Upload(got, memory), () => gpu.Download(memory, got), () => gpu.Copy(memory, memory, 4), () => gpu.Allocate(4),
            () => gpu.Free(memory), () => gpu.Keep(got), gpu.Synchronize, () => gpu.Record(() => { }), () => gpu.Replay(recorded),
            () => gpu.Forget(recorded),
        })
        {
            Assert.Contains("while launches are recorded", Fault(() => gpu.Record(other)));
        }
        gpu.Forget(recorded);
        Assert.Contains("is forgotten", Fault(() => gpu.Replay(recorded)));
        Assert.Contains("is forgotten", Fault(() => gpu.Forget(recorded)));
        Assert.Equal((1, 0), (gpu.Replays, gpu.Recordings));
    }

    [Fact]
    public void Recordings_are_kept_up_to_a_number_and_given_back()
    {
        using EmulatedGpu gpu = new(PtxText.Kernel(""));
        CudaGraphs graphs = new(gpu);
        for (int keys = 0; keys <= CudaGraphs.Most; keys++)
        {
            int runs = gpu.Launches + gpu.Replays;
            for (int i = 0; i < 3; i++)
                graphs.Run(null!, 1, keys, () => gpu.Launch("k", new(1), 1, 0, 0ul));
            Assert.Equal(runs + 3, gpu.Launches + gpu.Replays);
        }
        Assert.Equal((1, CudaGraphs.Most + 1), (gpu.Recordings, gpu.Launches));
        graphs.Dispose();
        Assert.Equal(0, gpu.Recordings);
    }

    [Fact]
    public void Memory_is_given_back_once_and_holds_what_was_copied()
    {
        using EmulatedGpu gpu = new(bytes: 1024);
        ulong one = gpu.Allocate(512), two = gpu.Allocate(256);
        Assert.Throws<InsufficientMemoryException>(() => gpu.Allocate(512));
        Assert.Contains("was never written", Fault(() => gpu.Download(one, new byte[4])));
        gpu.Upload([1, 2, 3, 4], one + 8);
        gpu.Copy(one, two, 16);
        byte[] got = new byte[4];
        gpu.Download(two + 8, got);
        Assert.Equal([1, 2, 3, 4], got);
        Assert.Contains("was never written", Fault(() => gpu.Download(two, new byte[4])));
        gpu.Free(one);
        Assert.Contains("is the start of no allocation", Fault(() => gpu.Free(one)));
        Assert.Contains("outside every allocation", Fault(() => gpu.Upload([0, 0, 0, 0], one)));
        Assert.Equal((1, 768), (gpu.Allocations, gpu.FreeBytes));
    }

    [Fact]
    public void Threads_that_part_come_together_again_and_have_each_done_their_own()
    {
        // The sum of 1 to the thread's number in as many turns, then the neighbour's.
        Assert.Equal(Enumerable.Range(0, 32).Select(i => (i ^ 1) * ((i ^ 1) + 1) / 2), Run("""
            mov.u32 %r1, 0;
            mov.u32 %r2, 0;
            LBB0_1:
            setp.ge.s32 %p1, %r2, %r0;
            @%p1 bra LBB0_2;
            add.s32 %r2, %r2, 1;
            add.s32 %r1, %r1, %r2;
            bra.uni LBB0_1;
            LBB0_2:
            shfl.sync.bfly.b32 %r1, %r1, 1, 31, -1;
            """));
        // A shuffle on one side of a branch waits for those who took the other.
        Assert.Equal(Enumerable.Range(0, 32).Select(i => (i ^ 16) < 16 ? 5 : 6), Run("""
            mov.u32 %r1, 6;
            setp.ge.s32 %p1, %r0, 16;
            @!%p1 bra LBB0_1;
            bra.uni LBB0_2;
            LBB0_1:
            mov.u32 %r1, 5;
            LBB0_2:
            shfl.sync.bfly.b32 %r1, %r1, 16, 31, -1;
            """));
    }

    [Theory]
    [InlineData("shl.b32 %r1, %r0, 31; shr.s32 %r1, %r1, 40;", 1, -1)]
    [InlineData("shl.b32 %r1, %r0, 32;", 3, 0)]
    [InlineData("shr.u32 %r1, -8, 1;", 0, 0x7ffffffc)]
    [InlineData("shr.s32 %r1, -8, 1;", 0, -4)]
    [InlineData("div.s32 %r1, -7, 2;", 0, -3)]
    [InlineData("rem.s32 %r1, -7, 2;", 0, -1)]
    [InlineData("bfe.u32 %r1, 240, 4, 3;", 0, 7)]
    [InlineData("min.s32 %r1, -1, 1;", 0, -1)]
    [InlineData("min.u32 %r1, -1, 1;", 0, 1)]
    [InlineData("setp.gt.u32 %p1, -1, 1; selp.b32 %r1, 5, 6, %p1;", 0, 5)]
    [InlineData("xor.b32 %r1, 12, 10;", 0, 6)]
    [InlineData("mov.f32 %f1, 0f00000001; st.shared.v4.f32 [own], {%f2, %f3, %f4, %f1}; ld.shared.u32 %r1, [own+12];", 0, 1, 1)]
    [InlineData("setp.lt.u32 %p1, -1, 1; selp.b32 %r1, 5, 6, %p1;", 0, 6)]
    [InlineData("mul.wide.s32 %rd4, -1, 1; shl.b64 %rd4, %rd4, 32; cvt.u32.u64 %r1, %rd4;", 0, 0)]
    [InlineData("mul.wide.s32 %rd4, -1, 1; shr.u64 %rd4, %rd4, 31; cvt.u32.u64 %r1, %rd4;", 0, -1)]
    [InlineData("mul.wide.s32 %rd4, -1, 1; shr.u64 %rd4, %rd4, 64; cvt.u32.u64 %r1, %rd4;", 0, 0)]
    [InlineData("mul.wide.u32 %rd4, -1, -1; and.b64 %rd4, %rd4, 4294967295; cvt.u32.u64 %r1, %rd4;", 0, 1)]
    [InlineData("mad.lo.s32 %r1, %r0, 3, -1; not.b32 %r1, %r1; neg.s32 %r1, %r1;", 5, 15)]
    [InlineData("mov.f32 %f1, 0f7FC00000; setp.nan.f32 %p1, %f1, %f1; selp.u32 %r1, 1, 0, %p1;", 0, 1)]
    [InlineData("mov.f32 %f1, 0f7FC00000; setp.num.f32 %p1, %f1, %f1; not.pred %p2, %p1; selp.u32 %r1, 1, 0, %p2;", 0, 1)]
    [InlineData("mov.f32 %f1, 0f00000001; mul.rn.f32 %f1, %f1, 0f3F800000; mov.b32 %r1, %f1;", 0, 1)]                    // subnormals stay
    [InlineData("mov.f32 %f1, 0f3F800001; fma.rn.f32 %f1, %f1, %f1, 0fBF800002; mov.b32 %r1, %f1;", 0, 0x28800000)]     // one rounding: 2^-46
    [InlineData("cvt.rn.f32.s32 %f1, 16777217; mov.b32 %r1, %f1;", 0, 0x4b800000)]
    public void Instructions_do_what_PTX_says(string body, int thread, int expected, int threads = 32) =>
        Assert.Equal(expected, Run(body, threads)[thread]);

    /// <summary>What every thread of a warp has in %r1 at the end.</summary>
    private static int[] Run(string body, int threads = 32)
    {
        using EmulatedGpu gpu = new(PtxText.Kernel(body + "\nmul.wide.s32 %rd1, %r0, 4; add.s64 %rd2, %rd0, %rd1; st.global.u32 [%rd2], %r1;"));
        ulong memory = gpu.Allocate(128);
        gpu.Launch("k", new(1), threads, 0, memory);
        int[] values = new int[threads];
        gpu.Download(memory, MemoryMarshal.AsBytes(values.AsSpan()));
        return values;
    }

    private static string Fault(Action action) => Assert.Throws<MachineFault>(action).Message;
}
