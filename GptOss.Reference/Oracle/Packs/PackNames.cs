using GptOss.Reference.Numerics.Lanes;

namespace GptOss.Reference.Oracle.Packs;

/// <summary>How packs spell precisions: in file names and in manifests.</summary>
internal static class PackNames
{
    /// <summary>In <c>profile</c>: float32 or bfloat16.</summary>
    internal static string Of(Precision precision) => precision == Precision.Bfloat16 ? "bfloat16" : "float32";

    /// <summary>In file names of the golden packs and in greedy packs: f32 or bf16.</summary>
    internal static string Short(Precision precision) => precision == Precision.Bfloat16 ? "bf16" : "f32";
}
