using System.Reflection;

namespace GptOss.Cli.Explain;

/// <summary>A line of the library's sources, found by its content: the sources are inside the program, so a line number cannot go stale.</summary>
/// <param name="File">Path from the repository root, with forward slashes.</param>
/// <param name="Marker">What that line contains and no other line of the file does.</param>
internal readonly record struct SourcePlace(string File, string Marker)
{
    private const string Library = "GptOss.Reference/";

    /// <summary>The line's number from 1 and its text.</summary>
    /// <exception cref="InvalidOperationException">The file is not inside the program, or not exactly one line has the marker: a fault of the build.</exception>
    internal (int Line, string Code) Find()
    {
        string[] lines = Read();
        int at = Array.FindIndex(lines, Holds);
        if (at < 0 || Array.FindIndex(lines, at + 1, Holds) >= 0)
            throw new InvalidOperationException($"{File} has not exactly one line with '{Marker}'.");
        return (at + 1, lines[at].Trim());
    }

    /// <summary>The line's text; of a declaration, what stands before its parameters.</summary>
    internal string Quote()
    {
        string code = Find().Code;
        bool isDeclaration = code.StartsWith("internal ", StringComparison.Ordinal) || code.StartsWith("public ", StringComparison.Ordinal)
            || code.StartsWith("private ", StringComparison.Ordinal);
        return isDeclaration ? code.Split('(')[0].Split(" : ")[0] : code;
    }

    /// <summary>The place as editors read it.</summary>
    public override string ToString() => $"{File}:{Find().Line}";

    private bool Holds(string line) => line.Contains(Marker, StringComparison.Ordinal);

    private string[] Read()
    {
        using Stream stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(File)
            ?? throw new InvalidOperationException($"{File} is not inside the program.");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd().ReplaceLineEndings("\n").Split('\n');
    }

    /// <summary>A place in the library.</summary>
    internal static SourcePlace In(string file, string marker) => new(Library + file, marker);
}
