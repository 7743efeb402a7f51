namespace GptOss.Reference.Checkpoints.Gguf;

/// <summary>A tensor type of GGUF files.</summary>
/// <param name="Id">The number in files.</param>
/// <param name="Name">ggml's name.</param>
/// <param name="BlockWeights">Elements of a block: 1, 32 or 256.</param>
/// <param name="BlockBytes">Bytes of a block.</param>
/// <remarks>Source: ggml, <c>include/ggml.h</c> (numbers), <c>src/ggml-common.h</c> (sizes); Ollama, <c>fs/ggml/type.go</c> (number 4).</remarks>
internal sealed record GgufType(uint Id, string Name, int BlockWeights, int BlockBytes)
{
    internal static readonly GgufType F32 = new(0, "F32", 1, 4), F16 = new(1, "F16", 1, 2), BF16 = new(30, "BF16", 1, 2);
    internal static readonly GgufType Q4_0 = new(2, "Q4_0", 32, 18), Q4_1 = new(3, "Q4_1", 32, 20), Q5_0 = new(6, "Q5_0", 32, 22),
        Q5_1 = new(7, "Q5_1", 32, 24);
    internal static readonly GgufType Q8_0 = new(8, "Q8_0", 32, 34), Iq4Nl = new(20, "IQ4_NL", 32, 18), Mxfp4 = new(39, "MXFP4", 32, 17);
    internal static readonly GgufType Q2K = new(10, "Q2_K", 256, 84), Q3K = new(11, "Q3_K", 256, 110), Q4K = new(12, "Q4_K", 256, 144);
    internal static readonly GgufType Q5K = new(13, "Q5_K", 256, 176), Q6K = new(14, "Q6_K", 256, 210), Iq4Xs = new(23, "IQ4_XS", 256, 136);

    /// <summary>
    /// MXFP4 with the nibbles of safetensors, as Ollama wrote it in August 2025 under the architecture <c>gptoss</c>; the number was retired before.
    /// </summary>
    internal static readonly GgufType OllamaMxfp4 = new(4, "MXFP4", 32, 17);

    private static readonly GgufType[] Read = [F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Iq4Nl, Mxfp4, Q2K, Q3K, Q4K, Q5K, Q6K, Iq4Xs];

    private static readonly Dictionary<uint, string> NotRead = new()
    {
        [9] = "Q8_1", [15] = "Q8_K", [16] = "IQ2_XXS", [17] = "IQ2_XS", [18] = "IQ3_XXS", [19] = "IQ1_S", [21] = "IQ3_S", [22] = "IQ2_S", [24] = "I8",
        [25] = "I16", [26] = "I32", [27] = "I64", [28] = "F64", [29] = "IQ1_M", [34] = "TQ1_0", [35] = "TQ2_0", [40] = "NVFP4", [41] = "Q1_0",
        [42] = "Q2_0",
    };

    /// <summary>The type with a number.</summary>
    /// <param name="id">The number.</param>
    /// <param name="isOllama">Whether the architecture is <c>gptoss</c>, where 4 is a type.</param>
    /// <param name="why">Where there is none: what the number is, as the end of a sentence.</param>
    internal static GgufType? Find(uint id, bool isOllama, out string why)
    {
        why = "";
        if (id == OllamaMxfp4.Id && isOllama)
            return OllamaMxfp4;
        if (Array.Find(Read, type => type.Id == id) is { } found)
            return found;
        why = NotRead.TryGetValue(id, out string? name) ? $"type {id}, {name}, which is not read" : $"type {id}, which is retired or unknown";
        return null;
    }
}
