using System.Security.Cryptography;

namespace GptOss.Server.Http;

/// <summary>Ids that are never used twice: a prefix and 32 random hexadecimal digits.</summary>
internal static class Ids
{
    internal static string New(string prefix) => prefix + RandomNumberGenerator.GetHexString(32, lowercase: true);
}
