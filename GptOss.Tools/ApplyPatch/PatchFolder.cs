using System.Text;
using GptOss.Reference.Checkpoints.Storage;

namespace GptOss.Tools.ApplyPatch;

/// <summary>The folder that a patch is applied to: reads its files, and changes all of them or none.</summary>
/// <remarks>A program that swaps folders for links while a patch is applied can get around the checks; such a folder needs a sandbox.</remarks>
internal sealed class PatchFolder
{
    private const int MostLinks = 40;
    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly string _root;

    /// <summary>A folder by its path.</summary>
    /// <exception cref="PatchException">There is no such folder.</exception>
    internal PatchFolder(string root)
    {
        string full = Path.GetFullPath(root);
        if (!Directory.Exists(full)) throw new PatchException($"{root}: no such folder.");
        _root = Path.TrimEndingDirectorySeparator(RealPath(full, root));
    }

    /// <summary>A file's text, byte for byte; null if there is none.</summary>
    /// <exception cref="PatchException">It is outside the folder, not UTF-8 text, or cannot be read.</exception>
    internal string? Read(string path)
    {
        string full = Resolve(path);
        if (!File.Exists(full)) return null;
        // Reading a pipe would wait for a writer.
        if (!OutputTarget.IsRegularFile(full)) throw new PatchException($"{path}: a pipe, a socket or a device; expected a file.");
        try
        {
            return Utf8.GetString(File.ReadAllBytes(full));
        }
        catch (DecoderFallbackException e)
        {
            throw new PatchException($"{path}: not UTF-8 text.", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new PatchException($"{path}: {e.Message}", e);
        }
    }

    /// <summary>Carries out the operations. New texts are written beside their files first, so a full disk shows before anything changes.</summary>
    /// <exception cref="PatchException">A step failed; all earlier ones were taken back.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled before the first file was changed.</exception>
    internal void Commit(IReadOnlyList<PatchOperation> operations, CancellationToken cancellation)
    {
        RequireFreePlaces(operations);
        // What each place holds in the end: a text, and the file whose permissions it takes; or nothing.
        var after = new OrderedDictionary<string, (string? Content, string? Like)>();
        foreach (PatchOperation operation in operations)
        {
            string source = Resolve(operation.Path), target = operation.MoveTo is { } to ? Resolve(to) : source;
            if (operation.Content is { } content) after[target] = (content, operation.Kind is PatchKind.Update ? source : null);
            if (operation.Content is null || target != source) after[source] = (null, null);
        }
        var undo = new Stack<Action>();
        var leftovers = new List<string>();
        try
        {
            var staged = new Dictionary<string, string>();
            foreach ((string path, (string? content, string? like)) in after)
            {
                if (content is not null) staged[path] = Stage(path, Utf8.GetBytes(content), like, undo);
            }
            cancellation.ThrowIfCancellationRequested();                        // From here on it is carried out, or taken back, as a whole.
            foreach ((string path, (string? content, _)) in after)
            {
                if (File.Exists(path))
                {
                    string aside = Aside(path);
                    File.Move(path, aside);
                    undo.Push(() => File.Move(aside, path));
                    leftovers.Add(aside);
                }
                if (content is null) continue;
                File.Move(staged[path], path);
                undo.Push(() => File.Delete(path));
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or EncoderFallbackException or OperationCanceledException)
        {
            while (undo.TryPop(out Action? step)) Try(step);
            if (e is OperationCanceledException) throw;
            throw new PatchException($"The patch was not applied: {e.Message}", e);
        }
        foreach (string leftover in leftovers) Try(() => File.Delete(leftover));
    }

    // A file is replaced only where the patch read it: what Add and Move write goes to a free place, or to one that the patch has freed before.
    private void RequireFreePlaces(IReadOnlyList<PatchOperation> operations)
    {
        HashSet<string> taken = [], freed = [];
        foreach (PatchOperation operation in operations)
        {
            string source = Resolve(operation.Path), target = operation.MoveTo is { } to ? Resolve(to) : source;
            bool isNew = operation.Kind is PatchKind.Add || target != source;
            if (isNew && (taken.Contains(target) || (File.Exists(target) && !freed.Contains(target))))
            {
                string step = operation.Kind is PatchKind.Add ? "Add" : "Move";
                throw new PatchException($"{step} File Error - file already exists: {operation.MoveTo ?? operation.Path}");
            }
            if (operation.Content is not null && taken.Add(target)) freed.Remove(target);
            if ((operation.Content is null || target != source) && freed.Add(source)) taken.Remove(source);
        }
    }

    private static string Stage(string path, byte[] content, string? like, Stack<Action> undo)
    {
        if (Directory.Exists(path)) throw new IOException($"{path} is a folder.");
        CreateFolder(Path.GetDirectoryName(path)!, undo);
        string temporary = Aside(path);
        undo.Push(() => File.Delete(temporary));
        using (var stream = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write)) stream.Write(content);
        if (!OperatingSystem.IsWindows() && like is not null) File.SetUnixFileMode(temporary, File.GetUnixFileMode(like));
        return temporary;
    }

    private static void CreateFolder(string folder, Stack<Action> undo)
    {
        if (Directory.Exists(folder)) return;
        if (Path.GetDirectoryName(folder) is { } parent) CreateFolder(parent, undo);
        Directory.CreateDirectory(folder);
        undo.Push(() => Directory.Delete(folder));
    }

    private static string Aside(string path) => Path.Combine(Path.GetDirectoryName(path)!, $".patch-{Guid.NewGuid():N}.tmp");

    private static void Try(Action step)
    {
        try
        {
            step();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The exception that is being thrown says more, and a leftover beside the file loses nothing.
        }
    }

    private string Resolve(string path)
    {
        string full = PatchPath.Normal(path) is { } normal ? RealPath(Path.Combine(_root, normal), path) : "";
        string below = _root.EndsWith(Path.DirectorySeparatorChar) ? _root : _root + Path.DirectorySeparatorChar;
        if (!full.StartsWith(below, StringComparison.Ordinal)) throw new PatchException($"{path}: the path leaves the root folder.");
        // Programs that git runs, its hooks and what its configuration names, are in there.
        if (full[below.Length..].Split(Path.DirectorySeparatorChar).Any(PatchPath.IsGit)) throw new PatchException($"{path}: .git is not writable.");
        return full;
    }

    // Follows symbolic links component by component, the last one too; what does not exist yet is kept as written.
    private static string RealPath(string full, string named)
    {
        string done = Path.GetPathRoot(full)!;
        var rest = new Stack<string>(full[done.Length..].Split(Path.DirectorySeparatorChar, Path.AltDirectorySeparatorChar).Reverse());
        for (int links = 0; rest.TryPop(out string? part);)
        {
            if (part is "" or ".") continue;
            if (part is "..")
            {
                done = Path.GetDirectoryName(done) ?? done;
                continue;
            }
            string next = Path.Combine(done, part);
            string? target;
            try
            {
                target = new FileInfo(next).LinkTarget;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw new PatchException($"{named}: {e.Message}", e);
            }
            if (target is null)
            {
                done = next;
                continue;
            }
            if (++links > MostLinks) throw new PatchException($"{named}: more than {MostLinks} symbolic links.");
            if (Path.IsPathRooted(target))
            {
                done = Path.GetPathRoot(target)!;
                target = target[done.Length..];
            }
            foreach (string step in target.Split(Path.DirectorySeparatorChar).Reverse())
                rest.Push(step);
        }
        return done;
    }
}
