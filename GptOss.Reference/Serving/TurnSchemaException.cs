using GptOss.Reference.Generation.Constraints;
using GptOss.Reference.Ground;

namespace GptOss.Reference.Serving;

/// <summary>A schema of a turn that cannot be kept token by token. The message names its place in the schema, the keyword and the reason.</summary>
public sealed class TurnSchemaException : GptOssException
{
    internal TurnSchemaException(TurnFunction? function, JsonSchemaException reason)
        : base(reason.Message, reason) => Function = function;

    /// <summary>The function whose parameters it describes; null for the answer's form.</summary>
    internal TurnFunction? Function { get; }
}
