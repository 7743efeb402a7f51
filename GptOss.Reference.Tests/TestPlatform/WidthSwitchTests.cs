using System.Runtime.Intrinsics;
using Xunit;

namespace GptOss.Reference.Tests.TestPlatform;

/// <summary>
/// A run at a chosen register width proves nothing unless the runtime switch that chose it took effect. Such a run says what it
/// expects in <c>GPTOSS_EXPECT_WIDEST</c> (512, 256, 128 or scalar), and these tests hold it to that.
/// </summary>
[Trait("Category", "Numeric")]
public class WidthSwitchTests
{
    private const string Variable = "GPTOSS_EXPECT_WIDEST";
    private static readonly string[] Widths = ["512", "256", "128", "scalar"];
    private static readonly string? Expected = Environment.GetEnvironmentVariable(Variable);

    private static string Widest =>
        Vector512.IsHardwareAccelerated ? "512"
        : Vector256.IsHardwareAccelerated ? "256"
        : Vector128.IsHardwareAccelerated ? "128"
        : "scalar";

    [Fact]
    public void The_widest_register_is_the_one_that_this_run_asked_for()
    {
        Assert.SkipWhen(string.IsNullOrEmpty(Expected), $"{Variable} is not set; this run uses the widest registers of the machine: {Widest}.");
        Assert.Contains(Expected, Widths);
        Assert.Equal(Expected, Widest);
    }

    [Fact]
    public void Some_vector_width_ran_unless_this_run_switched_them_off() =>
        Assert.True(
            Vector128.IsHardwareAccelerated || Expected == "scalar",
            $"No vector width is accelerated here, and {Variable} is not 'scalar': the vector kernels would go untested.");
}
