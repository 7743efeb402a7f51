using System.Security.Cryptography;
using System.Text;

namespace GptOss.Server.Http;

/// <summary>The keys that clients may use. Only their SHA-256 is kept, and every comparison takes the same time.</summary>
internal sealed class ApiKeys
{
    private readonly byte[][] _hashes;

    /// <summary>These keys; none means that the server asks for none.</summary>
    internal ApiKeys(IEnumerable<string> keys) => _hashes = [.. keys.Select(Hash)];

    /// <summary>Whether a key is needed at all.</summary>
    internal bool AreRequired => _hashes.Length > 0;

    /// <summary>Who sends this request: a name made from its key's hash, or an empty one for everyone where no key is needed.</summary>
    /// <exception cref="ApiException">The key is missing or wrong; the message repeats nothing of it.</exception>
    internal string Owner(HttpRequest request)
    {
        if (!AreRequired) return "";
        string header = request.Headers.Authorization.ToString();
        const string scheme = "Bearer ";
        byte[] given = Hash(header.StartsWith(scheme, StringComparison.OrdinalIgnoreCase) ? header[scheme.Length..].Trim() : "");
        int owner = -1;
        for (int i = 0; i < _hashes.Length; i++)
        {
            if (CryptographicOperations.FixedTimeEquals(_hashes[i], given)) owner = i;         // no early exit: the time tells nothing
        }

        return owner >= 0 ? Convert.ToHexStringLower(_hashes[owner].AsSpan(0, 16)) : throw new ApiException(401, "invalid_api_key",
            header.Length == 0 ? "This server needs a key: Authorization: Bearer KEY." : "The key in the Authorization header is not one of this server's.");
    }

    private static byte[] Hash(string key) => SHA256.HashData(Encoding.UTF8.GetBytes(key));
}
