namespace GptOss.Reference.Numerics.Formats;

/// <summary>How a container lays out the blocks of a row of MXFP4.</summary>
internal interface IMxfp4Layout
{
    /// <summary>Whether a byte holds elements 2j and 2j + 1 of a block; otherwise j and j + 16.</summary>
    static abstract bool ArePairs { get; }

    /// <summary>Bytes from the codes of one block to those of the next.</summary>
    static abstract int CodesApart { get; }

    /// <summary>Bytes from the scale of one block to that of the next.</summary>
    static abstract int ScalesApart { get; }
}
