using System.Text;

namespace GptOss.Reference.Tests.Tokens;

/// <summary>Random texts over an alphabet in which every class of the split pattern is likely.</summary>
internal static class MixedText
{
    private static readonly string[] BmpParts =
    [
        " ", " ", "\n", "\r", "\t", "\u00A0", "\u2028", "\u0085", "'", "'", "s", "S", "t", "re", "VE", "ll", "d", "a", "b", "A", "B", "ǅ", "ʰ",
        "\u0301", "\u0903",
        "é", "É", "中", "あ", "ا", "1", "2", "٣", "½", "Ⅷ", ".", ",", "/", "_", "-", "€", "\u200D", "\u200B", "\u001C", "!",
    ];

    private static readonly string[] AllParts = [.. BmpParts, "𝐀", "𝑎", "𐐀", "𐐨", "𠮷", "💖", "\U000E0100", "𝟏", "\u017F"];

    public static string Bmp(Random random, int most) => Join(random, most, BmpParts);

    public static string Any(Random random, int most) => Join(random, most, AllParts);

    private static string Join(Random random, int most, string[] parts)
    {
        var text = new StringBuilder();
        for (int left = random.Next(most + 1); left > 0; left--)
            text.Append(parts[random.Next(parts.Length)]);
        return text.ToString();
    }
}
