using System.Text.Json.Serialization;

namespace GptOss.Tools.Python;

/// <summary>A frame to the driver.</summary>
internal sealed record PythonRequest(
    [property: JsonPropertyName("code")] string Code,
    [property: JsonPropertyName("seconds")] double Seconds,
    [property: JsonPropertyName("limit")] int Limit);

/// <summary>How frames are written, without reflection.</summary>
[JsonSerializable(typeof(PythonRequest))]
internal sealed partial class PythonJsonContext : JsonSerializerContext;
