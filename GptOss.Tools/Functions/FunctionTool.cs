using System.Text.Json;

namespace GptOss.Tools.Functions;

/// <summary>One of the user's own functions: its declaration, and the program that answers.</summary>
/// <param name="Name">The name without the namespace.</param>
/// <param name="Description">What it does.</param>
/// <param name="Parameters">A JSON Schema; null for none.</param>
/// <param name="Command">The program and its arguments; no shell sees them.</param>
/// <param name="Timeout">After this the program is stopped.</param>
public sealed record FunctionTool(string Name, string Description, JsonElement? Parameters, IReadOnlyList<string> Command, TimeSpan Timeout);
