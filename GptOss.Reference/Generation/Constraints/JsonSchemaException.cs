using GptOss.Reference.Ground;

namespace GptOss.Reference.Generation.Constraints;

/// <summary>A schema that cannot be kept token by token. The message is one sentence: where, which keyword, why.</summary>
public sealed class JsonSchemaException : GptOssException
{
    internal JsonSchemaException(string path, string? keyword, string reason, bool isUnsatisfiable = false)
        : base(keyword is null ? $"{path}: {reason}." : $"{path}: '{keyword}' {reason}.") =>
        (Path, Keyword, IsUnsatisfiable) = (path, keyword, isUnsatisfiable);

    /// <summary>Where: a JSON pointer that begins with <c>#</c>.</summary>
    public string Path { get; }

    /// <summary>The keyword that cannot be kept; null if it is the schema as a whole.</summary>
    public string? Keyword { get; }

    /// <summary>Whether the schema is refused because no value is valid for it.</summary>
    public bool IsUnsatisfiable { get; }
}
