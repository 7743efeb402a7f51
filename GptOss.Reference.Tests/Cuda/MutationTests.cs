using GptOss.Reference.Cuda;
using GptOss.Reference.Numerics.Formats;
using GptOss.Reference.Tests.Cuda.Emulator;
using Xunit;

namespace GptOss.Reference.Tests.Cuda;

/// <summary>Tests of the tests: what a wrong compiler option or a slip in a kernel would leave in the PTX is found.</summary>
public class MutationTests
{
    [Theory]
    [InlineData("linear_1", @"add\.rn\.f32", "add.f32")]                                 // without -ffp-contract=off
    [InlineData("rms_norm", @"mul\.rn\.f32", "mul.f32")]
    [InlineData("linear_1", @"fma\.rn\.f32", "fma.rn.ftz.f32")]                          // with -fgpu-flush-denormals-to-zero
    [InlineData("attend_mix", @"div\.rn\.f32", "div.full.f32")]                          // with -ffast-math
    [InlineData("rms_norm", @"rcp\.rn\.f32", "rcp.approx.ftz.f32")]
    public void A_wrong_option_of_the_compiler_is_refused(string kernel, string pattern, string replacement) =>
        Assert.Contains("is not in the subset",
            Assert.Throws<NotSupportedException>(() => PtxModule.Parse(PtxText.Mutated(kernel, pattern, replacement))).Message);

    [Theory]
    [InlineData("rms_norm", 1)]
    [InlineData("attend_scores_32", 1)]
    [InlineData("attend_exponentials", 1)]
    [InlineData("attend_mix", 1)]
    [InlineData("gemm_linear", 1)]
    [InlineData("gemm_expert_up", 1)]
    [InlineData("gemm_expert_down", 1)]
    [InlineData("expert_up_few", 6)]
    [InlineData("expert_down_few", 6)]
    public void Every_barrier_that_is_missing_is_found(string kernel, int barriers)
    {
        string[] without = [.. PtxText.WithoutBarriers(kernel)];
        Assert.Equal(barriers, without.Length);
        foreach (string ptx in without)
            Assert.Contains("shared", Assert.Throws<MachineFault>(() => Work(kernel, ptx)).Message);
    }

    [Theory]
    [InlineData("gemm_linear", @"xor\.b32\s+(\S+), (\S+), 1;", "mov.u32 $1, $2;")]                  // one buffer for both
    [InlineData("gemm_expert_up", @"xor\.b32\s+(\S+), (\S+), 1;", "mov.u32 $1, $2;")]
    [InlineData("attend_mix", @"xor\.b32\s+(\S+), (\S+), 1;", "mov.u32 $1, $2;")]
    [InlineData("gemm_linear", @"\+72\];", "+80];")]                                              // another column of the next chunk
    [InlineData("gemm_expert_down", @"\+144\], (\S+);", "+288], $1;")]                            // another place in shared memory
    [InlineData("expert_up_few", @"(ld\.shared\S+\s[^;]*)\+64\];", "$1+128];")]                    // even elements as the odd ones
    [InlineData("attend_exponentials", @"\+512\];", "+516];")]                                    // another key
    [InlineData("attend_mix", @"shfl\.sync\.bfly\.b32\s*(%f\d+), (%f\d+), 8,", "shfl.sync.bfly.b32 $1, $2, 4,")]
    public void A_slip_in_what_is_loaded_ahead_or_shared_is_found(string kernel, string pattern, string replacement) =>
        Assert.ThrowsAny<Exception>(() => Work(kernel, PtxText.Mutated(kernel, pattern, replacement)));

    [Fact]
    public void Sound_kernels_pass_what_finds_the_slips()
    {
        foreach (string kernel in new[] { "rms_norm", "attend_mix", "gemm_linear", "gemm_expert_up", "expert_up_few" })
            Work(kernel, KernelImage.Text);
    }

    [Fact]
    public void A_missing_guard_of_the_last_row_is_found() => Assert.Contains("outside every allocation", Assert.Throws<MachineFault>(
        () => Product(PtxText.Mutated("linear_1", @"selp\.b32\s+(\S+), (\S+), \S+, \S+;", "mov.u32 $1, $2;"))).Message);

    [Fact]
    public void Another_order_of_the_sums_is_found()
    {
        Assert.True(Product(KernelImage.Text));
        Assert.False(Product(PtxText.Mutated("linear_1",
            @"(shfl\.sync\.bfly\.b32\s+%f\d+, %f\d+), 2, (.*?shfl\S+\s+%f\d+, %f\d+), 1, ", "$1, 1, $2, 2, ")));
    }

    [Fact]
    public void A_contracted_product_is_found()
    {
        Assert.True(Rotation(KernelImage.Text));
        Assert.False(Rotation(PtxText.Mutated("rotate_and_keep",
            @"mul\.rn\.f32\s+(%f\d+), (%f\d+), (%f\d+);(.*?)sub\.rn\.f32\s+(%f\d+), \1, (%f\d+);",
            "$4 neg.f32 $6, $6; fma.rn.f32 $5, $2, $3, $6;")));
    }

    /// <summary>What makes a kernel use everything that it has: both buffers twice, every number of slots.</summary>
    private static void Work(string kernel, string ptx)
    {
        DeviceRun run = new(1, PtxModule.Parse(ptx));
        if (kernel == "rms_norm")
        {
            Norm(run);
        }
        else if (kernel == "gemm_linear")
        {
            KernelTests.RequireLinear(run, 9, 33, 112, special: false, add: false);
        }
        else if (kernel.StartsWith("gemm", StringComparison.Ordinal))
        {
            KernelTests.RequireExperts(run, 9, 2, 1, 96, 96, special: false, wide: false);
        }
        else if (kernel.StartsWith("expert", StringComparison.Ordinal))
        {
            foreach (int tokens in new[] { 2, 4, 8 })
                KernelTests.RequireExperts(run, tokens, 1, 1, 1056, 1056, special: false, wide: false);
        }
        else
        {
            AttentionKernelTests.Layer layer = new(run, new(2, 1, 32, 0, int.MaxValue));
            AttentionKernelTests.Sequence sequence = layer.NewSequence();
            layer.Fill(sequence, 1001);
            layer.Pass(false, (sequence, 1));
        }
    }

    private static void Norm(DeviceRun run)
    {
        run.Device.RmsNorm(run.Keep(run.Floats(64)), run.Keep(run.Floats(64)), run.Empty(64), 1, 64, 1e-5f);
    }

    /// <summary>Whether a product has the bits of the processor.</summary>
    private static bool Product(string ptx)
    {
        const int Rows = 33, Columns = 64;
        DeviceRun run = new(1, PtxModule.Parse(ptx));
        float[] x = run.Floats(Columns), expected = new float[Rows];
        ushort[] w = run.Numbers.Bf16(Rows * Columns);
        run.Scalar.Products.Linear(DeviceRun.Rows(x, Columns), new Bf16Matrix(w, Rows, Columns), default, DeviceRun.Rows(expected, Rows));
        ulong y = run.Empty(Rows);
        run.Device.Linear(run.Keep(x), new(run.Keep<ushort>(w), 0, Rows, Columns), y, 1);
        return expected.AsSpan().SequenceEqual(run.Get<float>(y, Rows));
    }

    private static bool Rotation(string ptx)
    {
        DeviceRun run = new(1, PtxModule.Parse(ptx));
        DeviceAttention shape = new(1, 1, 32, 0, int.MaxValue);
        float[] row = run.Floats(shape.Width), turns = run.Floats(32), expected = [.. row];
        run.Scalar.RowWise.Rotate(DeviceRun.Rows(expected, shape.Width).Columns(0, 64), DeviceRun.Rows(turns, 32).Columns(0, 16),
            DeviceRun.Rows(turns, 32).Columns(16, 16));
        ulong qkv = run.Put<float>(row), page = run.Gpu.Allocate(shape.PageBytes), table = run.Put<ulong>([page]);
        run.Device.RotateAndKeep(qkv, run.Keep(turns), new(1, run.Put<int>([0]), run.Put<ulong>([table]), 1), shape);
        return expected.AsSpan().SequenceEqual(run.Get<float>(qkv, row.Length));
    }
}
