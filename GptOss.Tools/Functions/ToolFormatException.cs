namespace GptOss.Tools.Functions;

/// <summary>A file that describes tools and breaks a rule. The message says where, what was expected and what was found.</summary>
public sealed class ToolFormatException : Exception
{
    /// <summary>A format error with its message.</summary>
    public ToolFormatException(string message) : base(message)
    {
    }

    /// <summary>A format error with its cause.</summary>
    public ToolFormatException(string message, Exception cause) : base(message, cause)
    {
    }
}
