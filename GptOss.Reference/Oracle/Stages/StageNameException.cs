using GptOss.Reference.Ground;

namespace GptOss.Reference.Oracle.Stages;

/// <summary>A stage is asked for by a name that no stage has.</summary>
/// <param name="message">One sentence.</param>
/// <param name="inner">What caused it; null where no other exception was caught.</param>
public sealed class StageNameException(string message, Exception? inner = null) : GptOssException(message, inner);
