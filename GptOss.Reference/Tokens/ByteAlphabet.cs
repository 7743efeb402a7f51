namespace GptOss.Reference.Tokens;

/// <summary>The printable alphabet in which Hugging Face files spell bytes: one character for each of the 256.</summary>
/// <remarks>
/// Bytes 21–7E, A1–AC and AE–FF (hexadecimal) stand for the characters with those numbers; the 68 others, in ascending order, for U+0100 to U+0143.
/// Source: <c>openai/gpt-2</c>, <c>src/encoder.py</c>, <c>bytes_to_unicode</c>.
/// </remarks>
internal static class ByteAlphabet
{
    private static readonly short[] ByteOf = MakeByteOf();      // by character number; −1 for a character outside the alphabet

    /// <summary>Writes the bytes that <paramref name="spelled"/> stands for.</summary>
    /// <param name="spelled">Characters of the alphabet, in UTF-8.</param>
    /// <param name="bytes">At least as long as <paramref name="spelled"/>.</param>
    /// <param name="count">Bytes written.</param>
    /// <returns>False if a character is outside the alphabet or the UTF-8 is malformed.</returns>
    internal static bool TryDecode(ReadOnlySpan<byte> spelled, Span<byte> bytes, out int count)
    {
        count = 0;
        for (int i = 0; i < spelled.Length; i++)
        {
            int character = spelled[i];
            if (character >= 0x80)
            {
                // Two bytes reach U+07FF, beyond the alphabet; a longer form is outside it.
                if (character is < 0xC2 or > 0xDF || ++i == spelled.Length || (spelled[i] & 0xC0) != 0x80)
                    return false;
                character = (character & 0x1F) << 6 | spelled[i] & 0x3F;
            }
            if (character >= ByteOf.Length || ByteOf[character] < 0)
                return false;
            bytes[count++] = (byte)ByteOf[character];
        }

        return true;
    }

    /// <summary>How the alphabet spells bytes.</summary>
    internal static string Spell(ReadOnlySpan<byte> bytes)
    {
        char[] spelled = new char[bytes.Length];
        for (int i = 0; i < bytes.Length; i++)
            spelled[i] = (char)Array.IndexOf(ByteOf, bytes[i]);
        return new string(spelled);
    }

    private static short[] MakeByteOf()
    {
        short[] byteOf = new short[0x144];
        Array.Fill(byteOf, (short)-1);
        int next = 0x100;
        for (short b = 0; b < 256; b++)
            byteOf[b is >= 0x21 and <= 0x7E or >= 0xA1 and <= 0xAC or >= 0xAE ? b : next++] = b;
        return byteOf;
    }
}
