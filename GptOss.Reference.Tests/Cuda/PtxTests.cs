using System.Diagnostics;
using GptOss.Reference.Cuda;
using GptOss.Reference.Tests.Cuda.Emulator;
using GptOss.Reference.Tests.TestPlatform;
using Xunit;

namespace GptOss.Reference.Tests.Cuda;

/// <summary>What the shipped PTX may be made of.</summary>
public class PtxTests
{
    [Fact]
    public void Every_instruction_of_the_shipped_kernels_is_in_the_list()
    {
        var module = PtxModule.Parse(KernelImage.Text);
        Assert.Equal(24, module.Entries.Count);
        HashSet<string> used = [.. module.Entries.Values.SelectMany(entry => entry.Code).Select(instruction => instruction.Form.Name)];
        Assert.Equal(Form.All.Keys.Order(StringComparer.Ordinal), used.Order(StringComparer.Ordinal));      // and the list holds no other
    }

    [Fact]
    public void The_shipped_kernels_need_no_more_shared_memory_than_every_card_has() =>
        Assert.All(PtxModule.Parse(KernelImage.Text).Entries.Values, entry => Assert.InRange(entry.SharedBytes, 0, Machine.MostSharedBytes));

    // A compiler may move loads to where they are needed, and every product would wait for its own.
    [Theory, InlineData("gemm_linear"), InlineData("gemm_expert_up"), InlineData("gemm_expert_down")]
    public void The_next_columns_are_loaded_before_the_present_ones_are_multiplied_and_stored_after(string kernel)
    {
        string text = KernelImage.Text;
        int from = text.IndexOf($".entry {kernel}(", StringComparison.Ordinal);
        string[] parts = text[from..text.IndexOf("\n}", from, StringComparison.Ordinal)].Split("bar.sync");
        Assert.Equal(2, parts.Length);
        int At(string what) => parts[1].IndexOf(what, StringComparison.Ordinal);
        int load = At("ld.global.v4.f32"), sum = At("fma.rn.f32"), store = At("st.shared");
        Assert.True(load >= 0 && load < sum && sum < store);
    }

    [Theory]
    [InlineData("add.f32 %f1, %f2, %f3;")]                                    // an assembler may fuse it
    [InlineData("mul.f32 %f1, %f2, %f3;")]
    [InlineData("fma.rn.ftz.f32 %f1, %f2, %f3, %f4;")]
    [InlineData("div.full.f32 %f1, %f2, %f3;")]
    [InlineData("div.approx.f32 %f1, %f2, %f3;")]
    [InlineData("rsqrt.approx.f32 %f1, %f2;")]
    [InlineData("ex2.approx.ftz.f32 %f1, %f2;")]
    [InlineData("add.rn.f64 %f1, %f2, %f3;")]
    [InlineData("ld.f32 %f1, [%rd0];")]                                       // an address of no known space
    [InlineData("ld.local.f32 %f1, [%rd0];")]
    [InlineData(".local .align 4 .b8 __local_depot0[4];")]
    [InlineData("atom.global.add.u32 %r1, [%rd0], %r2;")]
    [InlineData("call.uni (retval0), f, (param0);")]
    [InlineData("{ .reg .b32 tmp; mov.b64 {tmp, %r1}, %rd1; }")]
    [InlineData("@%p1 add.s32 %r1, %r2, %r3;")]
    [InlineData("add.s32 %r1, %f2, %r3;")]
    [InlineData("add.s32 %r1, %r2, %rd3;")]
    [InlineData("add.s64 %rd1, %r2, %rd3;")]
    [InlineData("add.s32 %r1, %r2;")]
    [InlineData("add.s32 %r1, %r2, %r3, %r4;")]
    [InlineData("add.s32 %r1, %r2, %r8;")]
    [InlineData("add.s32 %r1, %r2, 4294967296;")]
    [InlineData("add.s32 %r1, %r2, %laneid;")]
    [InlineData("mov.u32 %r1, %laneid;")]
    [InlineData("mov.u32 %r1, more;")]
    [InlineData("bar.sync 1;")]
    [InlineData("bra LBB0_1;")]
    [InlineData("@%r1 bra LBB0_1;")]
    [InlineData("ld.param.u32 %r1, [k_param_0];")]
    [InlineData("ld.param.u64 %rd1, [k_param_1];")]
    [InlineData("ld.shared.f32 %f1, [k_param_0];")]
    [InlineData("ld.global.v4.f32 %f1, [%rd0];")]
    [InlineData(".reg .f64 %fd<2>;")]
    [InlineData(".pragma \"unroll\";")]
    [InlineData("add.s32 %r1, %r2, %r3 # comment")]
    public void What_is_not_in_the_list_is_refused(string line) =>
        Assert.Contains("' is not in the subset", Assert.Throws<NotSupportedException>(() => PtxText.Kernel(line)).Message);

    [Theory]
    [InlineData(".version 8.0\n.target sm_75\n.address_size 64\n")]
    [InlineData(".version 7.4\n.target sm_90a\n.address_size 64\n")]
    [InlineData(".version 7.4\n.target sm_75\n.address_size 64\n.global .align 4 .u32 g;\n")]
    [InlineData(".version 7.4\n.target sm_75\n.address_size 64\n.visible .func f()\n{\n}\n")]
    public void Another_target_or_what_is_outside_kernels_is_refused(string head) =>
        Assert.Throws<NotSupportedException>(() => PtxText.Kernel("", head));

    [Fact]
    public async Task The_build_script_writes_the_committed_bytes()
    {
        Assert.SkipWhen(Repository.Root is null, "The sources are not beside this build.");
        Assert.SkipUnless(OperatingSystem.IsLinux() && File.Exists("/usr/bin/clang++-14"),
            "Compiling the kernels needs clang++-14, which is not on this machine.");
        string folder = Path.Combine(Repository.Root!, "GptOss.Reference", "Cuda", "Kernels"), made = Path.GetTempFileName();
        try
        {
            using var build = Process.Start(new ProcessStartInfo("bash", [Path.Combine(folder, "build.sh"), made]) { RedirectStandardError = true })!;
            string errors = await build.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
            await build.WaitForExitAsync(TestContext.Current.CancellationToken);
            Assert.True(build.ExitCode == 0, errors);
            Assert.Equal(await File.ReadAllBytesAsync(Path.Combine(folder, "kernels.ptx")), await File.ReadAllBytesAsync(made));
        }
        finally
        {
            File.Delete(made);
        }
    }
}
