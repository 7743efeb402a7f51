namespace GptOss.Reference.Numerics.Buffers;

/// <summary>Rows at equal distances in memory, whatever they hold.</summary>
internal readonly unsafe struct RowPointers(void* first, nint bytesApart)
{
    internal float* this[int row] => (float*)((byte*)first + row * bytesApart);
}
