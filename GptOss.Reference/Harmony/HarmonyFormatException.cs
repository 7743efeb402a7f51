using GptOss.Reference.Ground;

namespace GptOss.Reference.Harmony;

/// <summary>A conversation that cannot be rendered, JSON that is not a conversation, or tokens that are not messages.</summary>
/// <param name="message">One sentence.</param>
/// <param name="inner">What caused it; null where no other exception was caught.</param>
public sealed class HarmonyFormatException(string message, Exception? inner = null) : GptOssException(message, inner);
