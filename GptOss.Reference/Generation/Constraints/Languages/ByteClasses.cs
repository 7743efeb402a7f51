namespace GptOss.Reference.Generation.Constraints.Languages;

/// <summary>The 256 bytes in classes that an automaton's states do not tell apart.</summary>
/// <param name="Of256">The class of each byte.</param>
/// <param name="Representatives">A byte of each class.</param>
internal sealed record ByteClasses(byte[] Of256, byte[] Representatives)
{
    internal int Count => Representatives.Length;

    /// <summary>Classes from a name for each byte: bytes of one name are alike.</summary>
    internal static ByteClasses Of(Func<int, int> name)
    {
        var numbers = new Dictionary<int, byte>();
        var representatives = new List<byte>();
        byte[] classes = new byte[256];
        for (int value = 0; value < 256; value++)
        {
            if (numbers.TryAdd(name(value), (byte)representatives.Count)) representatives.Add((byte)value);
            classes[value] = numbers[name(value)];
        }

        return new ByteClasses(classes, [.. representatives]);
    }

    /// <summary>Classes for strings whose content is followed by an automaton of code points.</summary>
    internal static ByteClasses OfStrings(Dfa content)
    {
        int first = content.ClassOf(0x80);
        bool uniform = true;
        for (int codePoint = 0x80; codePoint <= 0x10FFFF; codePoint = content.LastOfRun(codePoint) + 1)
        {
            // Surrogates have no UTF-8.
            bool isSurrogates = codePoint >= 0xD800 && content.LastOfRun(codePoint) <= 0xDFFF;
            uniform &= isSurrogates || content.ClassOf(codePoint) == first;
        }

        return Of(value => value switch
        {
            < 0x20 => 0,
            _ when "\"\\/bfnrtu0123456789abcdefABCDEF".Contains((char)value) => 0x1_0000 + value,
            < 0x80 => 0x2_0000 + content.ClassOf(value),
            _ when !uniform => 0x3_0000 + value,

            // The first byte of a character bounds the second in four cases.
            < 0x90 => 1,
            < 0xA0 => 2,
            < 0xC0 => 3,
            < 0xC2 => 0,
            < 0xE0 => 4,
            0xE0 or 0xED or 0xF0 or 0xF4 => 0x3_0000 + value,
            < 0xF0 => 5,
            < 0xF4 => 6,
            _ => 0,
        });
    }
}
