using GptOss.Cli.Terminals;
using GptOss.Reference.Model;
using GptOss.Reference.Numerics.Lanes;

namespace GptOss.Cli.Options;

/// <summary>What to try where the exact profile is slow.</summary>
internal static class ProfileAdvice
{
    /// <summary>A decoded token that reads more takes a tenth of a second and longer on memory of 20 GB/s.</summary>
    private const long SlowBytes = 2_000_000_000;

    /// <summary>Says so, once a model is loaded, if it is large and runs in float32.</summary>
    internal static void Say(Transformer model, Terminal terminal)
    {
        if (model.Precision == Precision.Float32 && WorkPerToken.Bytes(model.Checkpoint) > SlowBytes)
            terminal.Error.WriteLine("float32 is exact. '--profile fast --dense q8' is faster, with small errors.");
    }
}
