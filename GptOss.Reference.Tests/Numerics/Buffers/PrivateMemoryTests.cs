using GptOss.Reference.Numerics.Buffers;
using Xunit;

namespace GptOss.Reference.Tests.Numerics.Buffers;

public class PrivateMemoryTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(64)]
    [InlineData((4 << 20) - 1)]
    [InlineData(4 << 20)]
    [InlineData((9 << 20) + 13)]
    public void Blocks_of_any_length_hold_what_is_written(int length)
    {
        Memory<byte> memory = PrivateMemory.Allocate(length);
        Assert.Equal(length, memory.Length);
        memory.Span.Fill(7);
        Assert.Equal(length, memory.Span.Count((byte)7));
        Assert.Equal(7, memory[(length - 1)..].Span[0]);
        using System.Buffers.MemoryHandle pin = memory.Pin();
        Assert.Throws<ArgumentOutOfRangeException>(() => memory[..(length + 1)]);
    }

    [Fact]
    public void What_is_taken_is_counted_until_it_is_given_back()
    {
        const int bytes = 64 << 20;
        var memory = new PrivateMemory(bytes);
        memory.WriteArray(0, new byte[bytes], 0, bytes);
        (long taken, long? large) = PrivateMemory.Pages();
        Assert.InRange(taken, bytes, long.MaxValue);
        if (OperatingSystem.IsLinux())
            Assert.InRange(large!.Value, 0, taken);
        Assert.True(memory.IsCounted);
        memory.Dispose();
        Assert.False(memory.IsCounted);
    }
}
