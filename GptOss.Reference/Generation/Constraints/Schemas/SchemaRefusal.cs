namespace GptOss.Reference.Generation.Constraints.Schemas;

/// <summary>A schema cannot be kept; the reason is half a sentence about the keyword, or a whole one about the schema.</summary>
internal sealed class SchemaRefusal(string path, string? keyword, string reason, bool isUnsatisfiable = false) : Exception(reason)
{
    internal string Path { get; } = path;

    internal string? Keyword { get; } = keyword;

    internal bool IsUnsatisfiable { get; } = isUnsatisfiable;
}
