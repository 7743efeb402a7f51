namespace GptOss.Reference.Numerics.Formats;

/// <summary>GGUF: each block behind its scale.</summary>
internal readonly struct GgufMxfp4 : IMxfp4Layout
{
    public static bool ArePairs => false;
    public static int CodesApart => Mxfp4Blocks.BlockBytes;
    public static int ScalesApart => Mxfp4Blocks.BlockBytes;
}
