using System.Text.Json;
using GptOss.Reference.Harmony;
using GptOss.Reference.Tokens;

namespace GptOss.Reference.Tests.Harmony;

/// <summary>The recordings in <c>testdata/harmony</c>, line by line.</summary>
internal static class RecordedHarmony
{
    internal static string[] Lines(string file) => File.ReadAllText(Path.Combine(TestData.Root, "harmony", file)).TrimEnd('\n').Split('\n');

    internal static HarmonyLines Reader { get; } = new(Tokenizer.O200kHarmony);

    /// <summary>What differs between what was recorded and what was found, by name; wording of errors and keys that were inputs aside.</summary>
    internal static string? Difference(string recordedLine, string found, params string[] keys)
    {
        JsonElement recorded = JsonElement.Parse(recordedLine), ours = JsonElement.Parse(found);
        string[] expectedKeys = ["name", .. keys.Where(key => recorded.TryGetProperty(key, out _))];
        if (!ours.EnumerateObject().Select(property => property.Name).SequenceEqual(expectedKeys))
            return $"keys: {found}";
        foreach (string key in expectedKeys)
        {
            string expected = WithoutWording(recorded.GetProperty(key)), actual = WithoutWording(ours.GetProperty(key));
            if (expected != actual)
                return $"{recorded.GetProperty("name")}, {key}:\n  recorded {expected}\n  found    {actual}";
        }

        return null;
    }

    private static string WithoutWording(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => "{" + string.Join(",", value.EnumerateObject().Select(property =>
            $"\"{property.Name}\":{(property.Name == "error" ? "…" : WithoutWording(property.Value))}")) + "}",
        JsonValueKind.Array => "[" + string.Join(",", value.EnumerateArray().Select(WithoutWording)) + "]",
        _ => value.GetRawText(),
    };
}
