namespace GptOss.Tools.Python;

/// <summary>What one run of code gave.</summary>
/// <param name="Output">Its standard output, the last expression's value included.</param>
/// <param name="Error">Its standard error, a traceback included.</param>
/// <param name="IsCut">Whether there was more than the limit.</param>
/// <param name="TimedOut">Whether it was interrupted.</param>
internal sealed record PythonResult(string Output, string Error, bool IsCut, bool TimedOut);
