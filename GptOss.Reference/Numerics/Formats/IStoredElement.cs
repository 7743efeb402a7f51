using GptOss.Reference.Numerics.Lanes;

namespace GptOss.Reference.Numerics.Formats;

/// <summary>A stored number that is not a block: float32 or float16.</summary>
internal unsafe interface IStoredElement
{
    /// <summary>The format's name.</summary>
    static abstract string Name { get; }

    /// <summary>Bytes of an element.</summary>
    static abstract int Bytes { get; }

    /// <summary>One element as float32, exactly.</summary>
    static abstract float One(byte* element);

    /// <summary>Sixteen consecutive elements as float32, exactly.</summary>
    static abstract TBlock Load<TBlock>(byte* elements) where TBlock : struct, IF32x16<TBlock>;
}
