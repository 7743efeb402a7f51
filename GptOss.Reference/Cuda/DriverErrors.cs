using System.Globalization;
using System.Runtime.InteropServices;

namespace GptOss.Reference.Cuda;

/// <summary>What the driver's error numbers mean, as the end of a sentence.</summary>
internal static unsafe class DriverErrors
{
    internal const int OutOfMemory = 2;

    /// <summary>The sentence for a call that failed.</summary>
    /// <param name="driver">Knows the names of the rarer ones.</param>
    /// <param name="error">The number.</param>
    /// <param name="what">What the driver could not do: "allocate 423 MB".</param>
    internal static string Sentence(Driver driver, int error, string what) =>
        string.Create(CultureInfo.InvariantCulture, $"The NVIDIA driver could not {what}: {Reason(driver, error)} (CUDA error {error}).");

    private static string Reason(Driver driver, int error)
    {
        string? known = error switch
        {
            OutOfMemory => "it is out of memory",
            3 or 4 => "it is shutting down",
            100 => "there is no NVIDIA GPU",
            214 => "its memory had an error that could not be corrected (ECC)",
            218 or 222 => "it refuses the kernels",
            700 => "a kernel touched memory that is not its own",
            701 => "a kernel needs more than the GPU has",
            702 => "a kernel took too long",
            716 => "a kernel used a misaligned address",
            719 => "a kernel failed",
            803 or 804 => "the driver's parts have different versions",
            999 => "it does not say why",
            _ => null,
        };
        if (known is not null)
            return known;
        byte* text = null;
        return driver.GetErrorString(error, &text) == 0 && text != null ? Marshal.PtrToStringUTF8((nint)text)! : "it does not say why";
    }
}
