using System.Security.Cryptography;
using System.Text;
using GptOss.Reference.Checkpoints;
using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Ground;
using GptOss.Reference.Model;
using GptOss.Reference.Oracle.Packs;

namespace GptOss.Reference.Oracle.Scoring;

/// <summary>Tells one checkpoint from another without reading all of it: SHA-256 of its numbers and of a sample of every tensor.</summary>
internal static class ModelFingerprint
{
    /// <summary>Bytes that are taken from the start, the middle and the end of a tensor: fine-tuning changes all of a tensor.</summary>
    private const int SampleBytes = 4096;

    /// <summary>The fingerprint of a model that runs: of its checkpoint and the numbers that it runs with, in lower-case hex.</summary>
    internal static string Of(Transformer model) => Of(model.Checkpoint, model.Config);

    /// <summary>The fingerprint, in lower-case hex. It depends on the layout on disk, and not on the folder.</summary>
    internal static string Of(Checkpoint checkpoint, GptOssConfig? config = null)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(JsonText.Utf8(json =>
        {
            json.WriteStartObject();
            ManifestWriter.WriteConfig(json, config ?? checkpoint.Config);
            json.WriteEndObject();
        }));
        foreach (StoredTensor tensor in checkpoint.Tensors.OrderBy(tensor => tensor.Info.Name, StringComparer.Ordinal))
        {
            hash.AppendData(Encoding.UTF8.GetBytes($"\n{tensor.Info.Name} {tensor.Info}\n"));
            long length = tensor.Info.ByteCount;
            int count = (int)Math.Min(SampleBytes, length);
            foreach (long start in (long[])[0, (length - count) / 2, length - count])
                hash.AppendData(checkpoint.Part(tensor, start, count));
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
