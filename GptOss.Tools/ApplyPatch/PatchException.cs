namespace GptOss.Tools.ApplyPatch;

/// <summary>A patch that cannot be applied; nothing was changed. The message is the answer to the model.</summary>
public sealed class PatchException : Exception
{
    /// <summary>A patch error with its message.</summary>
    public PatchException(string message) : base(message)
    {
    }

    /// <summary>A patch error with its cause.</summary>
    public PatchException(string message, Exception cause) : base(message, cause)
    {
    }
}
