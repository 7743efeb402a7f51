using System.Buffers.Binary;
using System.Security.Cryptography;

namespace GptOss.Reference.Model;

/// <summary>
/// The fingerprint of logits: the lower-case hex SHA-256 of rows as little-endian float32, in the order they are added, every NaN as 0x7FC00000.
/// </summary>
/// <remarks>
/// One value says whether two machines, settings or versions computed the same bits. It never depends on which other rows were computed.
/// </remarks>
public sealed class LogitsHash : IDisposable
{
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly byte[] _buffer = new byte[16384];

    /// <summary>Adds one row.</summary>
    public void Add(ReadOnlySpan<float> row)
    {
        while (!row.IsEmpty)
        {
            int count = Math.Min(row.Length, _buffer.Length / sizeof(float));
            for (int i = 0; i < count; i++)
            {
                uint bits = float.IsNaN(row[i]) ? 0x7FC00000 : BitConverter.SingleToUInt32Bits(row[i]);
                BinaryPrimitives.WriteUInt32LittleEndian(_buffer.AsSpan(i * sizeof(float)), bits);
            }
            _hash.AppendData(_buffer, 0, count * sizeof(float));
            row = row[count..];
        }
    }

    /// <summary>The hash of all rows so far; more may follow.</summary>
    public override string ToString() => Convert.ToHexStringLower(_hash.GetCurrentHash());

    /// <inheritdoc/>
    public void Dispose() => _hash.Dispose();
}
