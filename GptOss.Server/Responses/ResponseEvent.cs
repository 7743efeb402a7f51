using System.Text.Json.Nodes;

namespace GptOss.Server.Responses;

/// <summary>An event of a response's stream.</summary>
/// <param name="Type">Its name on the wire, such as <c>response.output_text.delta</c>.</param>
/// <param name="Data">Its fields; type and number are added where it is sent.</param>
internal readonly record struct ResponseEvent(string Type, JsonObject Data);
