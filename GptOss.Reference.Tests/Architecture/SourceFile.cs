namespace GptOss.Reference.Tests.Architecture;

/// <summary>One source file: its path from the repository root with forward slashes, and its text.</summary>
internal sealed record SourceFile(string Path, string Text)
{
    /// <summary>The text without comments and literals.</summary>
    internal string Code { get; } = Path.EndsWith(".cs", StringComparison.Ordinal) ? SourceText.CodeOnly(Text) : Text;

    /// <summary>The project's folder, <c>GptOss.Reference</c> for instance; empty at the root.</summary>
    internal string Project => Path.Split('/') is [var project, _, ..] ? project : "";

    /// <summary>The folder inside the project, <c>Numerics/Lanes</c> for instance; empty beside the project file.</summary>
    internal string Folder => Path.Split('/') is [_, .. var folders, _] ? string.Join('/', folders) : "";

    /// <summary>The outermost folder inside the project, <c>Numerics</c> for instance; empty beside the project file.</summary>
    internal string Area => Folder.Split('/')[0];

    /// <summary>The place of a match, as editors print it.</summary>
    internal string At(int index) => $"{Path}:{Text.AsSpan(0, index).Count('\n') + 1}";
}
