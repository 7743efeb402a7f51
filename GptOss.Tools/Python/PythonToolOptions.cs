namespace GptOss.Tools.Python;

/// <summary>How the Python tool runs.</summary>
public sealed record PythonToolOptions
{
    /// <summary>The interpreter.</summary>
    public string Interpreter { get; init; } = OperatingSystem.IsWindows() ? "python" : "python3";

    /// <summary>After this the code is interrupted; the prompt promises 120 s.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(120);

    /// <summary>The most that is kept of each output of a call, in bytes.</summary>
    public int OutputBytes { get; init; } = 64 * 1024;

    /// <summary>The working folder, which exists; null for a temporary one that is deleted with the tool.</summary>
    public string? Folder { get; init; }

    /// <summary>What the code may use.</summary>
    public PythonLimits Limits { get; init; } = new();
}
