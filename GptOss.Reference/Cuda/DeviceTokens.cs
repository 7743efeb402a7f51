namespace GptOss.Reference.Cuda;

/// <summary>The tokens of a pass on the card.</summary>
/// <param name="Count">How many.</param>
/// <param name="Positions">int32, [tokens].</param>
/// <param name="Tables">For each token the address of its sequence's list of pages in this layer.</param>
/// <param name="MostKeys">The most positions that one of them sees without a window.</param>
internal readonly record struct DeviceTokens(int Count, ulong Positions, ulong Tables, int MostKeys)
{
    /// <summary>Some of them.</summary>
    internal DeviceTokens Slice(int first, int count) => this with
    {
        Count = count, Positions = Positions + sizeof(int) * (ulong)first, Tables = Tables + sizeof(ulong) * (ulong)first,
    };
}
