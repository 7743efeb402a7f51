using System.Globalization;
using System.Text.Json;
using GptOss.Cli.Output;
using GptOss.Reference.Cuda;
using GptOss.Reference.Numerics.Ceilings;

namespace GptOss.Cli.Bench;

/// <summary>What a run is compared with: the processor's read bandwidth and FMA peak, or the bandwidth that copies on the GPU reach.</summary>
/// <param name="BytesPerSecond">The bandwidth.</param>
/// <param name="OperationsPerSecond">The FMA peak; null for a GPU, of which it is not measured.</param>
/// <param name="Title">What was measured, for people.</param>
internal sealed record BenchCeilings(double BytesPerSecond, double? OperationsPerSecond, string Title)
{
    /// <summary>The processor's.</summary>
    internal static BenchCeilings Of(MachineCeilings measured) => new(measured.ReadBytesPerSecond, measured.FmaOperationsPerSecond,
        $"read bandwidth {Number(measured.ReadBytesPerSecond / 1e9, "F1")} GB/s over {Text.Short(measured.ReadBytes)}, "
            + $"FMA peak {Number(measured.FmaOperationsPerSecond / 1e9, "F0")} GFLOP/s");

    /// <summary>A GPU's.</summary>
    internal static BenchCeilings Of(CudaDevice gpu)
    {
        double copies = gpu.MeasureCopies();
        return new(copies, null, $"copies on {gpu.Name} reach {Number(copies / 1e9, "F1")} GB/s, what they read and write together");
    }

    /// <summary>For machines.</summary>
    internal void Write(Utf8JsonWriter json)
    {
        json.WriteNumber(OperationsPerSecond is null ? "copy_gb_per_s" : "read_gb_per_s", BytesPerSecond / 1e9);
        if (OperationsPerSecond is { } operations)
            json.WriteNumber("fma_gflop_per_s", operations / 1e9);
    }

    private static string Number(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
}
