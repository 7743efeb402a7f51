namespace GptOss.Reference.Generation.Constraints.Languages;

/// <summary>Characters in at most 32 groups, so that it is one comparison whether everything below a node of the tree of tokens may follow.</summary>
/// <remarks>Of characters beyond ASCII the bytes are looked at: those of white space, which have one first byte of five, and all others.</remarks>
internal static class CharGroups
{
    /// <summary>Bytes that are never plain content of a string: no loop has it.</summary>
    internal const uint Never = 1u << 31;

    private const uint Far = 1u << 30, NearSpace = 1u << 29;

    // Letters and digits by what patterns tell apart; punctuation one by one, as far as it goes.
    private static readonly string[] Members =
    [
        "abcdef", "ghijklmnopqrstuvwxyz", "ABCDEF", "GHIJKLMNOPQRSTUVWXYZ", "01", "23456789", " ", "_", "-", ".", "/", ":", "@", ",", ";", "()",
        "[]{}", "+", "#", "*", "&", "=", "?",
        "!", "%", "'`", "<>", "$^|~\x7f",
    ];

    private static readonly uint[] Groups = MakeGroups();

    /// <summary>The group of a byte.</summary>
    internal static uint OfByte(byte value) => Groups[value];

    /// <summary>The groups all of whose characters lead from a state to itself.</summary>
    internal static uint OfLoop(Dfa content, int state)
    {
        uint groups = 0;
        for (int group = 0; group < Members.Length; group++)
            if (Members[group].All(c => content.Next(state, c) == state)) groups |= 1u << group;
        bool near = true, far = true;
        for (int codePoint = 0x80; codePoint <= 0x10FFFF; codePoint = content.LastOfRun(codePoint) + 1)
        {
            int last = content.LastOfRun(codePoint);
            if (content.Next(state, codePoint) == state || (codePoint >= 0xD800 && last <= 0xDFFF)) continue;
            near = false;
            far &= BlockOf(codePoint) is > 0 and var block && block == BlockOf(last);
        }

        return groups | (far ? Far : 0) | (near ? NearSpace : 0);
    }

    // The blocks whose first byte is C2; E1, E2 or E3; EF. 0 for all others.
    private static int BlockOf(int codePoint) => codePoint switch
    {
        >= 0x80 and < 0xC0 => 1,
        >= 0x1000 and < 0x4000 => 2,
        >= 0xF000 and < 0x10000 => 3,
        _ => 0,
    };

    private static uint[] MakeGroups()
    {
        uint[] groups = new uint[256];
        for (int value = 0; value < 256; value++)
        {
            int group = Array.FindIndex(Members, members => members.Contains((char)value));
            groups[value] = value >= 0x80
                ? value is 0xC2 or 0xE1 or 0xE2 or 0xE3 or 0xEF ? NearSpace : value < 0xC0 ? 0 : Far
                : group >= 0 ? 1u << group : Never;
        }

        return groups;
    }
}
