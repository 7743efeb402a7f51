using GptOss.Reference.Ground;

namespace GptOss.Tools.ApplyPatch;

/// <summary>A patch that cannot be applied; nothing was changed. The message is the answer to the model.</summary>
/// <param name="message">One sentence.</param>
/// <param name="inner">What caused it; null where no other exception was caught.</param>
public sealed class PatchException(string message, Exception? inner = null) : GptOssException(message, inner);
