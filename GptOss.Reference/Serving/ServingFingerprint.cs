using System.Buffers.Binary;
using System.Reflection;
using System.Security.Cryptography;
using System.Text;
using GptOss.Reference.Model;

namespace GptOss.Reference.Serving;

/// <summary>What decides the bytes of an answer besides its request: this build, the profile, and the weights.</summary>
internal static class ServingFingerprint
{
    // A few tokens pass through every layer, so the hash of their logits stands for the weights without reading all of them.
    private static readonly int[] Probe = [1, 2, 3, 4];

    internal static string Of(Transformer model)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        string build = typeof(ServingFingerprint).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "";
        hash.AppendData(Encoding.UTF8.GetBytes($"{build}\n{model.Precision}\n"));
        var logits = new LogitsBuffer();
        using Sequence sequence = model.NewSequence();
        model.Forward(new BatchItem(sequence, Probe, LogitRows.Last), logits);
        Span<byte> bytes = stackalloc byte[sizeof(float)];
        foreach (float logit in logits[0])
        {
            BinaryPrimitives.WriteSingleLittleEndian(bytes, logit);
            hash.AppendData(bytes);
        }

        return "fp_" + Convert.ToHexStringLower(hash.GetHashAndReset().AsSpan(0, 6));
    }
}
