namespace GptOss.Reference.Tests.Numerics.Formats;

/// <summary>Blocks of safetensors as GGUF files have them.</summary>
internal static class Mxfp4Containers
{
    /// <summary>Each block behind its scale.</summary>
    internal static byte[] WithScales(byte[] blocks, byte[] scales, Func<byte[], byte[]> order) =>
        [.. scales.SelectMany((scale, i) => (byte[])[scale, .. order(blocks[(16 * i)..(16 * i + 16)])])];

    /// <summary>A block of neighbours as GGUF has it: the conversion of llama.cpp's <c>conversion/gpt_oss.py</c>.</summary>
    internal static byte[] Split(byte[] a)
    {
        byte[] q = new byte[16];
        for (int j = 0; j < 8; j++)
        {
            q[2 * j] = (byte)((a[j] & 15) | (a[j + 8] & 15) << 4);
            q[2 * j + 1] = (byte)((a[j] >> 4) | (a[j + 8] & 0xF0));
        }
        return q;
    }
}
