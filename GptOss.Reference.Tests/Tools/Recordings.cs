using System.Text.Json.Nodes;

namespace GptOss.Reference.Tests.Tools;

/// <summary>The recorded answers of the published tools, one JSON object a line. Lines end at LF alone.</summary>
internal static class Recordings
{
    internal static IEnumerable<string> Lines(string file) =>
        File.ReadAllText(Path.Combine(TestData.Root, "tools", file)).Split('\n').Where(line => line.Length > 0);

    internal static string Name(string line) => (string)JsonNode.Parse(line)!["name"]!;

    /// <summary>The recording's and the answer's values of the same key, as JSON; a difference in it, or null.</summary>
    internal static string? Difference(JsonNode recorded, JsonNode answered, params string[] keys)
    {
        foreach (string key in keys)
        {
            if (!JsonNode.DeepEquals(recorded[key], answered[key]))
                return $"{recorded["name"]}: \"{key}\" is recorded as {recorded[key]?.ToJsonString() ?? "absent"} and answered as {answered[key]?.ToJsonString() ?? "absent"}";
        }
        return null;
    }
}
