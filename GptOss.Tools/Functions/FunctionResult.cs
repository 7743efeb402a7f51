namespace GptOss.Tools.Functions;

/// <summary>What a call of a function gave.</summary>
/// <param name="Answer">The text for the model.</param>
/// <param name="ExitCode">The program's exit code; null where it did not start or was stopped.</param>
internal sealed record FunctionResult(string Answer, int? ExitCode);
