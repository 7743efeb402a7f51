using System.Globalization;

namespace GptOss.Server.Http;

/// <summary>
/// JavaScript strings may hold half a surrogate pair, and <c>JSON.stringify</c> writes it as an escape such as <c>\ud83d</c>, which no UTF-8
/// text can express. Each becomes <c>\ufffd</c> in place, so that the text beside it still counts.
/// </summary>
internal static class LoneSurrogates
{
    private const int EscapeBytes = 6;                              // \uXXXX

    /// <summary>Replaces lone surrogate escapes in the bytes of a JSON document.</summary>
    internal static void Replace(Span<byte> json)
    {
        for (int at = json.IndexOf((byte)'\\'); at >= 0 && at + 1 < json.Length;)
        {
            int length = 2;
            if (Escaped(json[at..]) is { } unit)
            {
                length = EscapeBytes;
                if (char.IsHighSurrogate(unit) && Escaped(json[(at + EscapeBytes)..]) is { } next && char.IsLowSurrogate(next))
                    length += EscapeBytes;
                else if (char.IsSurrogate(unit))
                    "fffd"u8.CopyTo(json[(at + 2)..]);
            }

            int further = json[(at + length)..].IndexOf((byte)'\\');
            at = further < 0 ? -1 : at + length + further;
        }
    }

    // The code unit of an escape at the beginning of the bytes; null if there is none.
    private static char? Escaped(ReadOnlySpan<byte> json) =>
        json.Length >= EscapeBytes && json[0] == '\\' && json[1] == 'u'
        && ushort.TryParse(json.Slice(2, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ushort unit) ? (char)unit : null;
}
