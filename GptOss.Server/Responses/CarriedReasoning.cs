using System.Buffers.Text;
using System.Text;

namespace GptOss.Server.Responses;

/// <summary>
/// <c>encrypted_content</c> of a reasoning item: the text in an opaque, versioned encoding, so that clients that keep nothing else bring the
/// reasoning back in an open tool turn. It is not a secret: whoever has it can read it.
/// </summary>
internal static class CarriedReasoning
{
    private const string Version = "gptoss1.";

    internal static string Encode(string text) => Version + Base64Url.EncodeToString(Encoding.UTF8.GetBytes(text));

    /// <summary>The text; null for another server's content, which is ignored.</summary>
    internal static string? Decode(string carried)
    {
        if (!carried.StartsWith(Version, StringComparison.Ordinal)) return null;
        try
        {
            return new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(Base64Url.DecodeFromChars(carried.AsSpan(Version.Length)));
        }
        catch (Exception exception) when (exception is FormatException or DecoderFallbackException)
        {
            return null;
        }
    }
}
