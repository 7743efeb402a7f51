using System.Runtime.Intrinsics;

namespace GptOss.Reference.Numerics.Lanes;

/// <summary>What this machine offers.</summary>
public static class RegisterWidths
{
    /// <summary>The widest supported width, the default. Results do not depend on it.</summary>
    /// <remarks>Asks <c>VectorN.IsHardwareAccelerated</c>, which respects the runtime's switches; the ISA flags do not all do so.</remarks>
    public static RegisterWidth Widest =>
        Vector512.IsHardwareAccelerated ? RegisterWidth.V512
        : Vector256.IsHardwareAccelerated ? RegisterWidth.V256
        : Vector128.IsHardwareAccelerated ? RegisterWidth.V128
        : RegisterWidth.Scalar;

    /// <summary>Whether this machine has registers of <paramref name="width"/>.</summary>
    public static bool IsSupported(this RegisterWidth width) => width <= Widest && Enum.IsDefined(width);
}
