using System.Security.Cryptography;
using System.Text;
using GptOss.Reference.Checkpoints;
using GptOss.Reference.Checkpoints.Safetensors;
using GptOss.Reference.Checkpoints.Storage;
using GptOss.Reference.Oracle.Packs;

namespace GptOss.Reference.Oracle.Scoring;

/// <summary>Tells one checkpoint from another without reading all of it: SHA-256 of its numbers and of a sample of every tensor.</summary>
internal static class ModelFingerprint
{
    /// <summary>Bytes that are taken from the start, the middle and the end of a tensor: fine-tuning changes all of a tensor.</summary>
    private const int SampleBytes = 4096;

    /// <summary>The fingerprint, in lower-case hex. It depends on the layout on disk, and not on the folder.</summary>
    internal static string Of(Checkpoint checkpoint)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(ScoreJson.Bytes(json =>
        {
            json.WriteStartObject();
            ManifestWriter.WriteConfig(json, checkpoint.Config);
            json.WriteEndObject();
        }));
        foreach ((SafeTensorsFile file, TensorInfo tensor) in checkpoint.Files
            .SelectMany(file => file.Tensors.Select(tensor => (file, tensor))).OrderBy(pair => pair.tensor.Name, StringComparer.Ordinal))
        {
            hash.AppendData(Encoding.UTF8.GetBytes($"\n{tensor.Name} {tensor}\n"));
            ReadOnlySpan<byte> bytes = file.Bytes(tensor.Name).Span;
            int count = Math.Min(SampleBytes, bytes.Length);
            foreach (int start in (int[])[0, (bytes.Length - count) / 2, bytes.Length - count])
                hash.AppendData(bytes.Slice(start, count));
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
