using GptOss.Tools.Strings;

namespace GptOss.Tools.ApplyPatch;

/// <summary>A file that hunks are found in, from the top down, and its text with all of them applied.</summary>
/// <remarks>The file is split at LF alone, so that every other byte of a kept line stays what it is.</remarks>
internal sealed class PatchedFile(string path, string text)
{
    private readonly string[] _lines = text.Split('\n');
    private readonly List<PatchHunk.Chunk> _chunks = [];
    private string[]? _trimmed, _trimmedEnd;

    /// <summary>The line at which the next hunk is looked for.</summary>
    internal int Index { get; private set; }

    private string[] Trimmed => _trimmed ??= Array.ConvertAll(_lines, PythonText.Trim);

    private string[] TrimmedEnd => _trimmedEnd ??= Array.ConvertAll(_lines, PythonText.TrimEnd);

    /// <summary>Moves behind the header's line: an equal one, else one equal when trimmed. A header that has been passed, or is nowhere, is ignored.</summary>
    internal void SkipTo(string header)
    {
        string trimmed = PythonText.Trim(header);
        if (trimmed.Length > 0 && !SkipTo(_lines, header)) SkipTo(Trimmed, trimmed);
    }

    /// <summary>Finds the hunk's context and moves behind it.</summary>
    /// <exception cref="PatchException">The context is nowhere below <see cref="Index"/>.</exception>
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
        var lines = new List<string>(_lines.Length);
        int done = 0;
        foreach (PatchHunk.Chunk chunk in _chunks)
        {
            if (done > chunk.At) throw new PatchException($"{path}: overlapping chunks at {done} > {chunk.At}");
            lines.AddRange(_lines[done..chunk.At]);
            lines.AddRange(chunk.Inserted);
            done = chunk.At + chunk.Deleted;
        }
        lines.AddRange(_lines[done..]);
        return string.Join('\n', lines);
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
