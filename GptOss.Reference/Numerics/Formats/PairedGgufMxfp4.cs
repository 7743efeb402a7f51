namespace GptOss.Reference.Numerics.Formats;

/// <summary>GGUF as Ollama first wrote it, with the nibbles of safetensors.</summary>
internal readonly struct PairedGgufMxfp4 : IMxfp4Layout
{
    public static bool ArePairs => true;
    public static int CodesApart => Mxfp4Blocks.BlockBytes;
    public static int ScalesApart => Mxfp4Blocks.BlockBytes;
}
