namespace GptOss.Reference.Oracle.Dumps;

/// <summary>Finds the rows of a tensor whichever way round they were written: as rows, as columns, or with columns beyond the vocabulary.</summary>
internal static class TensorLayout
{
    /// <summary>Columns that a vocabulary is padded by at most: to the next multiple of 1,024, or a sixteenth where that is more.</summary>
    private const int LeastPadding = 1024, PaddingShare = 16;

    /// <summary>Programs pad to what their kernels like; another width is another vocabulary.</summary>
    private const int Multiple = 8;

    /// <summary>Rows of a shape in a tensor; null where it is not made of such rows.</summary>
    /// <param name="tensor">The tensor.</param>
    /// <param name="rowShape">What a row must be.</param>
    /// <param name="mayBePadded">Whether rows may be longer: logits may, of programs that round the vocabulary up.</param>
    internal static DumpTensor? Find(DumpTensor tensor, IReadOnlyList<long> rowShape, bool mayBePadded)
    {
        if ((tensor.TryWithRowsOf(rowShape) ?? tensor.TryWithColumnsOf(rowShape)) is { } found)
            return found;
        if (!mayBePadded || rowShape is not [var width] || tensor.Shape.Count == 0)
            return null;
        return Padded(tensor.Shape[^1], tensor.TryWithRowsOf) ?? Padded(tensor.Shape.FirstOrDefault(size => size != 1), tensor.TryWithColumnsOf);

        DumpTensor? Padded(long padded, Func<IReadOnlyList<long>, DumpTensor?> rowsOf) =>
            padded <= width || padded % Multiple != 0 || padded - width > Math.Max(LeastPadding, width / PaddingShare) ? null : rowsOf([padded])?.FirstOfEachRow((int)width);
    }
}
