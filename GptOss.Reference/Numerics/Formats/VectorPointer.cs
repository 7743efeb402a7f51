using GptOss.Reference.Numerics.Lanes;

namespace GptOss.Reference.Numerics.Formats;

/// <summary>A pinned <see cref="StoredVector"/>, of which at most one pointer is not null.</summary>
internal readonly unsafe struct VectorPointer(ushort* halves, float* wide)
{
    /// <summary>Whether there are no values.</summary>
    internal bool IsNull => halves == null && wide == null;

    /// <summary>One value, widened exactly.</summary>
    internal float this[nint index] => wide != null ? wide[index] : Bfloat16.ToSingle(halves[index]);
}
