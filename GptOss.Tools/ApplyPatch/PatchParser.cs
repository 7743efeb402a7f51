using GptOss.Tools.Strings;

namespace GptOss.Tools.ApplyPatch;

/// <summary>Reads a patch against the texts of the files that it names, and gives the operations on them. Changes nothing.</summary>
/// <remarks>Source: <c>gpt_oss/tools/apply_patch.py</c>. Messages are the published ones.</remarks>
internal sealed class PatchParser
{
    private const string Begin = "*** Begin Patch", End = "*** End Patch", EndOfFile = "*** End of File";
    private const string Update = "*** Update File: ", Delete = "*** Delete File: ", Add = "*** Add File: ", Move = "*** Move to: ";
    private static readonly string[] Sections = [End, "*** Update File:", "*** Delete File:", "*** Add File:"];
    private static readonly string[] UpdateEnds = [.. Sections, EndOfFile];
    private static readonly string[] HunkEnds = ["@@", .. UpdateEnds];

    private readonly List<string> _lines;
    private readonly Dictionary<string, string> _files;
    private int _at = 1;

    private PatchParser(List<string> lines, Dictionary<string, string> files) => (_lines, _files) = (lines, files);

    /// <summary>The patch's operations.</summary>
    /// <param name="patch">The patch's text.</param>
    /// <param name="read">The text of a file that the patch updates or deletes; null if there is none. May refuse a path by throwing.</param>
    /// <exception cref="PatchException">The patch breaks a rule, or does not fit the files.</exception>
    internal static List<PatchOperation> Parse(string patch, Func<string, string?> read)
    {
        if (!patch.StartsWith(Begin, StringComparison.Ordinal)) throw new PatchException($"Patch text must start with {Begin}");
        List<string> lines = PythonText.SplitLines(patch);
        var files = new Dictionary<string, string>();
        foreach (string kind in (string[])[Update, Delete])                     // updates first: the first missing file is the one reported
        {
            foreach (string line in lines.Where(line => line.StartsWith(kind, StringComparison.Ordinal)))
            {
                string path = line[kind.Length..];
                if (!files.ContainsKey(path))
                    files[path] = read(path) ?? throw new PatchException($"[Errno 2] No such file or directory: {PythonText.Repr(path)}");
            }
        }
        if (lines.Count < 2 || lines[^1] != End) throw new PatchException("Invalid patch text - missing sentinels");
        return new PatchParser(lines, files).Operations();
    }

    private List<PatchOperation> Operations()
    {
        var operations = new List<PatchOperation>();
        var named = new HashSet<string>();
        while (!StartsWithAny(Line, [End]))
        {
            if (Take(Update) is { Length: > 0 } updated)
            {
                if (!named.Add(updated)) throw new PatchException($"Duplicate update for file: {updated}");
                string? moveTo = Take(Move) is { Length: > 0 } target ? target : null;
                operations.Add(new PatchOperation(PatchKind.Update, updated, Updated(updated), moveTo));
            }
            else if (Take(Delete) is { Length: > 0 } deleted)
            {
                if (!named.Add(deleted)) throw new PatchException($"Duplicate delete for file: {deleted}");
                operations.Add(new PatchOperation(PatchKind.Delete, deleted, null));
            }
            else if (Take(Add) is { Length: > 0 } added)
            {
                if (!named.Add(added)) throw new PatchException($"Duplicate add for file: {added}");
                if (_files.ContainsKey(added)) throw new PatchException($"Add File Error - file already exists: {added}");
                operations.Add(new PatchOperation(PatchKind.Add, added, Added()));
            }
            else throw new PatchException($"Unknown line while parsing: {Line}");
        }
        return operations;
    }

    // The last line is the end sentinel, at which every loop stops; so there always is a line.
    private string Line => _lines[_at];

    private string? Take(string prefix) => Line.StartsWith(prefix, StringComparison.Ordinal) ? _lines[_at++][prefix.Length..] : null;

    private string Added()
    {
        var content = new List<string>();
        for (; !StartsWithAny(Line, Sections); _at++)
            content.Add(Line.StartsWith('+') ? Line[1..] : throw new PatchException($"Invalid Add File line (missing '+'): {Line}"));
        return string.Join('\n', content);
    }

    private string Updated(string path)
    {
        var file = new PatchedFile(path, _files[path]);
        while (!StartsWithAny(Line, UpdateEnds))
        {
            string header = Take("@@ ") ?? "";
            bool bare = header.Length == 0 && Line == "@@";
            if (bare) _at++;
            if (header.Length == 0 && !bare && file.Index > 0) throw new PatchException($"Invalid line in update section:\n{Line}");
            file.SkipTo(header);
            file.Add(Hunk());
        }
        return file.Text();
    }

    private PatchHunk Hunk()
    {
        var hunk = new PatchHunk();
        int first = _at;
        for (; !StartsWithAny(Line, HunkEnds) && Line != "***"; _at++)
        {
            if (Line.StartsWith("***", StringComparison.Ordinal) || !hunk.TryAdd(Line)) throw new PatchException($"Invalid Line: {Line}");
        }
        if (Line == EndOfFile)
        {
            hunk.IsAtEnd = true;
            _at++;
        }
        else if (_at == first) throw new PatchException("Nothing in this section");
        return hunk;
    }

    private static bool StartsWithAny(string line, string[] prefixes) => prefixes.Any(prefix => line.StartsWith(prefix, StringComparison.Ordinal));
}
