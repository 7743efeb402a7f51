namespace GptOss.Reference.Numerics.Formats;

/// <summary>Codes and scales in two tensors, as published.</summary>
internal readonly struct PublishedMxfp4 : IMxfp4Layout
{
    public static bool ArePairs => true;
    public static int CodesApart => Mxfp4.BlockBytes;
    public static int ScalesApart => 1;
}
