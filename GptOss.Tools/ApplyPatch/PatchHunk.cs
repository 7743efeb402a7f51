namespace GptOss.Tools.ApplyPatch;

/// <summary>One hunk: the lines it expects, and the runs of deletions and insertions between the lines that it keeps.</summary>
internal sealed class PatchHunk
{
    private bool _open;

    /// <summary>A run: <see cref="Inserted"/> replaces <see cref="Deleted"/> lines at <see cref="At"/> of the context, later of the file.</summary>
    internal sealed class Chunk
    {
        /// <summary>Index of the first line.</summary>
        internal int At { get; set; }

        /// <summary>Number of deleted lines.</summary>
        internal int Deleted { get; set; }

        /// <summary>The inserted lines, wherever they were among the deleted ones.</summary>
        internal List<string> Inserted { get; } = [];
    }

    /// <summary>Kept and deleted lines.</summary>
    internal List<string> Context { get; } = [];

    /// <summary>The runs, in order.</summary>
    internal List<Chunk> Chunks { get; } = [];

    /// <summary>Whether the hunk ends with <c>*** End of File</c>.</summary>
    internal bool IsAtEnd { get; set; }

    /// <summary>Takes the next line; an empty one is an empty kept line.</summary>
    /// <returns>False if the line begins with none of space, minus and plus.</returns>
    internal bool TryAdd(string line)
    {
        char mark = line.Length == 0 ? ' ' : line[0];
        string text = line.Length == 0 ? "" : line[1..];
        if (mark is not (' ' or '-' or '+')) return false;
        if (mark is ' ') _open = false;
        else if (!_open)
        {
            Chunks.Add(new Chunk { At = Context.Count });
            _open = true;
        }
        if (mark is '-') Chunks[^1].Deleted++;
        if (mark is '+') Chunks[^1].Inserted.Add(text);
        else Context.Add(text);
        return true;
    }
}
