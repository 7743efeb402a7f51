using System.Text;
using GptOss.Cli;
using GptOss.Cli.Terminals;
using Xunit;

namespace GptOss.Reference.Tests.Cli.Terminals;

public class Utf8ReaderTests
{
    private const string Sample = "Grüße, 世界 💖\n";

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(100_000)]
    public void Text_is_read_whole_however_the_bytes_come(int atOnce)
    {
        string text = string.Concat(Enumerable.Repeat(Sample, 1000));
        using var reader = new Utf8Reader(new Trickle(Encoding.UTF8.GetBytes(text), atOnce), "x");
        Assert.Equal(text, reader.ReadToEnd());
    }

    [Fact]
    public void Lines_are_lines_and_a_byte_order_mark_is_not_text()
    {
        using var reader = new Utf8Reader(new MemoryStream([0xEF, 0xBB, 0xBF, .. Encoding.UTF8.GetBytes("a\r\nb")]), "x");
        Assert.Equal(("a", "b", null), (reader.ReadLine(), reader.ReadLine(), reader.ReadLine()));
    }

    [Theory]
    [InlineData("x: byte 2 is 0xFF, which is not UTF-8 there.", 2, 0xFF)]
    [InlineData("x: byte 5000 is 0xC3, which is not UTF-8 there.", 5000, 0xC3)]                     // begun, and the text ends
    [InlineData("x: byte 4095 is 0xED, which is not UTF-8 there.", 4095, 0xED, 0xA0, 0x80)]         // half a surrogate pair
    public void The_first_byte_that_is_not_UTF_8_is_named(string sentence, int before, params int[] bytes)
    {
        byte[] all = [.. Enumerable.Repeat((byte)'a', before), .. bytes.Select(value => (byte)value)];
        using var reader = new Utf8Reader(new Trickle(all, 1000), "x");
        Assert.Equal(sentence, Assert.Throws<InputException>(reader.ReadToEnd).Message);
        using var lossy = new Utf8Reader(new Trickle(all, 1000), "x") { IsLossy = true };
        Assert.Equal(Encoding.UTF8.GetString(all), lossy.ReadToEnd());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_device_without_an_end_is_given_up(bool isLine)
    {
        using var reader = new Utf8Reader(new Endless(), "zero") { MostChars = 100_000 };
        InputException e = Assert.Throws<InputException>(() => isLine ? reader.ReadLine() : reader.ReadToEnd());
        Assert.Equal("zero goes on after 100000 characters, which is the most that is read at once.", e.Message);
    }

    [Fact]
    public void As_much_as_may_be_is_read()
    {
        byte[] most = [.. Enumerable.Repeat((byte)'a', 10_000)];
        using var whole = new Utf8Reader(new Trickle(most, 7), "x") { MostChars = most.Length };
        Assert.Equal(most.Length, whole.ReadToEnd().Length);
        using var line = new Utf8Reader(new MemoryStream([.. most, .. "\rb\n\n"u8]), "x") { MostChars = most.Length };
        Assert.Equal((most.Length, "b", "", null), (line.ReadLine()!.Length, line.ReadLine(), line.ReadLine(), line.ReadLine()));
    }

    private sealed class Endless : MemoryStream
    {
        public override int Read(byte[] buffer, int offset, int count) => count;
    }

    private sealed class Trickle(byte[] bytes, int atOnce) : MemoryStream(bytes)
    {
        public override int Read(byte[] buffer, int offset, int count) => base.Read(buffer, offset, Math.Min(count, atOnce));
    }
}
