namespace GptOss.Reference.Cuda;

/// <summary>An argument of a kernel: an address, an integer or a float.</summary>
/// <param name="Value">Its bits.</param>
/// <param name="Bytes">How many bytes of those it takes.</param>
internal readonly record struct KernelArgument(ulong Value, int Bytes)
{
    public static implicit operator KernelArgument(ulong address) => new(address, sizeof(ulong));

    public static implicit operator KernelArgument(int value) => new((uint)value, sizeof(int));

    public static implicit operator KernelArgument(float value) => new(BitConverter.SingleToUInt32Bits(value), sizeof(float));
}
