using System.Text;
using GptOss.Tools.Strings;

namespace GptOss.Tools.ApplyPatch;

/// <summary>A file that hunks are found in, from the top down, and its text with all of them applied.</summary>
/// <remarks>
/// A line ends in LF or CR LF; every other byte of a kept line stays. An inserted line takes the end of the line that it replaces, or else of the
/// line before it, so a file with one kind of line end keeps it. (The published tool reads CR LF as LF and writes LF.)
/// </remarks>
internal sealed class PatchedFile
{
    private readonly string _path;
    private readonly string[] _lines, _ends;
    private readonly List<PatchHunk.Chunk> _chunks = [];
    private string[]? _trimmed, _trimmedEnd;

    /// <summary>A file by the path that errors name, and its text.</summary>
    internal PatchedFile(string path, string text)
    {
        _path = path;
        _lines = text.Split('\n');
        _ends = Array.ConvertAll(_lines, line => line.EndsWith('\r') ? "\r\n" : "\n");
        _ends[^1] = "";
        for (int i = 0; i + 1 < _lines.Length; i++)
            if (_ends[i] == "\r\n") _lines[i] = _lines[i][..^1];
    }

    /// <summary>The line at which the next hunk is looked for.</summary>
    internal int Index { get; private set; }

    private string[] Trimmed => _trimmed ??= Array.ConvertAll(_lines, PythonText.Trim);

    private string[] TrimmedEnd => _trimmedEnd ??= Array.ConvertAll(_lines, PythonText.TrimEnd);

    /// <summary>Moves past the header's line: an equal one, or one equal when trimmed. A header that was passed, or is missing, is ignored.</summary>
    internal void SkipTo(string header)
    {
        string trimmed = PythonText.Trim(header);
        if (trimmed.Length > 0 && !SkipTo(_lines, header)) SkipTo(Trimmed, trimmed);
    }

    /// <summary>Finds the hunk's context and moves past it.</summary>
    /// <exception cref="PatchException">The context does not occur below <see cref="Index"/>.</exception>
    internal void Add(PatchHunk hunk)
    {
        int found = hunk.IsAtEnd ? Find(hunk.Context, _lines.Length - hunk.Context.Count) : -1;
        if (found < 0) found = Find(hunk.Context, Index);
        if (found < 0) throw new PatchException($"Invalid {(hunk.IsAtEnd ? "EOF " : "")}context at {Index}:\n{string.Join('\n', hunk.Context)}");
        foreach (PatchHunk.Chunk chunk in hunk.Chunks)
        {
            chunk.At += found;
            _chunks.Add(chunk);
        }
        Index = found + hunk.Context.Count;
    }

    /// <summary>The file's text with the chunks applied.</summary>
    /// <exception cref="PatchException">Chunks overlap; only a hunk at the file's end can do that.</exception>
    internal string Text()
    {
        var after = new List<(string Line, string End)>(_lines.Length);
        int done = 0;
        void KeepUntil(int end)
        {
            for (; done < end; done++)
                after.Add((_lines[done], _ends[done]));
        }
        foreach (PatchHunk.Chunk chunk in _chunks)
        {
            if (done > chunk.At) throw new PatchException($"{_path}: overlapping chunks at {done} > {chunk.At}");
            KeepUntil(chunk.At);
            for (int i = 0; i < chunk.Inserted.Count; i++)
                after.Add((chunk.Inserted[i], i < chunk.Deleted ? _ends[done + i] : after.Count > 0 ? after[^1].End : _ends[done]));
            done = chunk.At + chunk.Deleted;
        }
        KeepUntil(_lines.Length);
        return Joined(after);
    }

    // The last line has no end. One that was the last and is not any more takes that of the line before it.
    private static string Joined(List<(string Line, string End)> lines)
    {
        var text = new StringBuilder();
        string end = "\n";
        for (int i = 0; i < lines.Count; i++)
        {
            text.Append(lines[i].Line);
            if (lines[i].End.Length > 0) end = lines[i].End;
            if (i + 1 < lines.Count) text.Append(end);
        }
        return text.ToString();
    }

    private bool SkipTo(string[] lines, string header)
    {
        if (Array.IndexOf(lines, header, 0, Math.Min(Index, lines.Length)) >= 0) return false;
        int found = Index < lines.Length ? Array.IndexOf(lines, header, Index) : -1;
        if (found >= 0) Index = found + 1;
        return found >= 0;
    }

    private int Find(List<string> context, int from)
    {
        if (context.Count == 0) return from;
        if (from < 0) return -1;                                                // longer than the file: cannot be at its end
        int found = Find(_lines, context, from);
        if (found < 0) found = Find(TrimmedEnd, context.ConvertAll(PythonText.TrimEnd), from);
        return found < 0 ? Find(Trimmed, context.ConvertAll(PythonText.Trim), from) : found;
    }

    private static int Find(string[] lines, List<string> context, int from)
    {
        for (int i = from; i + context.Count <= lines.Length; i++)
        {
            if (Fits(lines, context, i)) return i;
        }
        return -1;
    }

    private static bool Fits(string[] lines, List<string> context, int at)
    {
        for (int i = 0; i < context.Count; i++)
        {
            if (lines[at + i] != context[i]) return false;
        }
        return true;
    }
}
