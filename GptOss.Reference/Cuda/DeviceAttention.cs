namespace GptOss.Reference.Cuda;

/// <summary>The shape of an attention layer and of its caches.</summary>
/// <param name="Heads">Query heads.</param>
/// <param name="KeyValueHeads">Key/value heads, a divisor of <paramref name="Heads"/>.</param>
/// <param name="HeadDim">32, 64 or 128.</param>
/// <param name="Window">Positions that a token sees, its own among them; 0 for all.</param>
/// <param name="Places">Positions of the caches' rings; <see cref="int.MaxValue"/> where they keep all.</param>
internal readonly record struct DeviceAttention(int Heads, int KeyValueHeads, int HeadDim, int Window, int Places)
{
    /// <summary>Positions of a page of keys and values.</summary>
    internal const int PagePositions = 64;

    /// <summary>Elements of a row of queries, keys and values.</summary>
    internal int Width => (Heads + 2 * KeyValueHeads) * HeadDim;

    /// <summary>Bytes of a page: [keys | values], each [key/value head][position][channel] in float32.</summary>
    internal int PageBytes => checked(2 * KeyValueHeads * PagePositions * HeadDim * sizeof(float));
}
