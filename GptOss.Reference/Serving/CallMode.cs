namespace GptOss.Reference.Serving;

/// <summary>Whether a turn must, may or must not be a call.</summary>
internal enum CallMode
{
    /// <summary>The model decides.</summary>
    Auto,

    /// <summary>No call, and no functions in the prompt.</summary>
    None,

    /// <summary>The turn ends in a call.</summary>
    Required,
}
