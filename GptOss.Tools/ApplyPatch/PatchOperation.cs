namespace GptOss.Tools.ApplyPatch;

/// <summary>What a patch does with one file.</summary>
internal enum PatchKind
{
    /// <summary>Writes a file that may be new.</summary>
    Add,

    /// <summary>Removes a file.</summary>
    Delete,

    /// <summary>Rewrites a file and may move it.</summary>
    Update,
}

/// <summary>One operation of a parsed patch, in the patch's order.</summary>
/// <param name="Kind">What is done.</param>
/// <param name="Path">The file as the patch names it.</param>
/// <param name="Content">The file's whole new text; null where it is deleted.</param>
/// <param name="MoveTo">Where an updated file goes; null where it stays.</param>
internal readonly record struct PatchOperation(PatchKind Kind, string Path, string? Content, string? MoveTo = null);
