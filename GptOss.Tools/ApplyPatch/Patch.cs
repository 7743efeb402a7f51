namespace GptOss.Tools.ApplyPatch;

/// <summary>
/// Applies patches in the format that the model writes (<c>*** Begin Patch</c> … <c>*** End Patch</c>) to a folder or to files in memory:
/// a whole patch or nothing.
/// </summary>
/// <remarks>
/// The published algorithm with these differences: a path that leaves the root is an error, a move onto itself keeps the file, and line ends stay
/// (<see cref="PatchedFile"/>). In a folder, a patch replaces no file that it did not update, and nothing in <c>.git</c> is changed. Source:
/// <c>gpt_oss/tools/apply_patch.py</c>.
/// </remarks>
internal static class Patch
{
    /// <summary>What the tool answers when a patch was applied.</summary>
    public const string Done = "Done!";

    /// <summary>Applies a patch to files in memory.</summary>
    /// <param name="patch">The patch.</param>
    /// <param name="files">Text by path; not changed. Paths are relative to a root, with slashes.</param>
    /// <returns>All files afterwards, new ones last.</returns>
    /// <exception cref="PatchException">The patch breaks a rule, does not fit the files, or names a path outside the root.</exception>
    public static IReadOnlyDictionary<string, string> ApplyToFiles(string patch, IReadOnlyDictionary<string, string> files)
    {
        ArgumentNullException.ThrowIfNull(patch);
        ArgumentNullException.ThrowIfNull(files);
        List<PatchOperation> operations = Parse(patch, files.GetValueOrDefault);
        var after = new OrderedDictionary<string, string>(files);
        foreach (PatchOperation operation in operations)
        {
            string target = operation.MoveTo ?? operation.Path;
            if (operation.Content is { } content)
                after[target] = content;
            if (operation.Content is null || PatchPath.Normal(target) != PatchPath.Normal(operation.Path))
                after.Remove(operation.Path);
        }
        return after;
    }

    /// <summary>Applies a patch to the files of a folder.</summary>
    /// <param name="patch">The patch; its paths are relative to <paramref name="root"/>.</param>
    /// <param name="root">The folder. Nothing outside it is read or written, not through symbolic links either.</param>
    /// <param name="cancellation">Stops before the first file is changed, not after it.</param>
    /// <returns>The paths that were written or removed, as the patch names them.</returns>
    /// <exception cref="PatchException">
    /// The patch breaks a rule, does not fit the files, names a path outside the folder or a file that is not UTF-8 text, or the file
    /// system refused a step. Nothing was changed.
    /// </exception>
    /// <exception cref="OperationCanceledException">It was cancelled. Nothing was changed.</exception>
    public static IReadOnlyList<string> ApplyToFolder(string patch, string root, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(patch);
        ArgumentNullException.ThrowIfNull(root);
        var folder = new PatchFolder(root);
        List<PatchOperation> operations = Parse(patch, folder.Read);
        folder.Commit(operations, cancellation);
        return [.. operations.SelectMany(operation => operation.MoveTo is { } to ? (string[])[to, operation.Path] : [operation.Path]).Distinct()];
    }

    private static List<PatchOperation> Parse(string patch, Func<string, string?> read)
    {
        List<PatchOperation> operations = PatchParser.Parse(patch, path => path.Length > 0 ? read(PatchPath.Inside(path)) : null);
        foreach (PatchOperation operation in operations)
        {
            PatchPath.Inside(operation.Path);
            if (operation.MoveTo is { } target)
                PatchPath.Inside(target);
        }
        // With two spellings of one file the last write would win silently.
        if (operations.GroupBy(operation => PatchPath.Normal(operation.Path)).FirstOrDefault(group => group.Count() > 1) is { } twice)
            throw new PatchException($"Duplicate operation for file: {twice.Last().Path}");
        return operations;
    }
}
