using System.Text.Json;

namespace GptOss.Reference.Tests.Generation.Constraints;

/// <summary>One text of <c>testdata/json-schema</c> under its schema.</summary>
/// <param name="Name">Where it is from.</param>
/// <param name="Schema">The schema's text.</param>
/// <param name="Text">The text.</param>
/// <param name="IsAccepted">Whether it must be accepted or rejected; null where both are right.</param>
/// <param name="MayRefuse">Whether the schema may be refused.</param>
internal sealed record GoldenText(string Name, string Schema, string Text, bool? IsAccepted, bool MayRefuse);

/// <summary>What <c>testdata/json-schema</c> says.</summary>
internal static class GoldenSchemas
{
    /// <summary>Every text of a file.</summary>
    internal static IEnumerable<GoldenText> Read(string file)
    {
        foreach (JsonElement line in Lines(file))
        {
            string schema = line.GetProperty("schema").GetRawText();
            if (line.TryGetProperty("tier", out JsonElement tier))
            {
                foreach (string form in (string[])["compact", "spaced"])
                    yield return new($"{line.GetProperty("source")} {form}", schema, line.GetProperty(form).GetString()!, Accept(line), tier.GetString() != "required");
            }
            else if (line.TryGetProperty("text", out JsonElement text))
            {
                yield return new(line.GetProperty("about").GetString()!, schema, text.GetString()!, Accept(line), MayRefuse: false);
            }
            else
            {
                string name = (line.TryGetProperty("name", out JsonElement named) ? named : line.GetProperty("source")).GetString()!;
                bool mayRefuse = line.TryGetProperty("may_refuse", out JsonElement may) && may.GetBoolean();
                foreach ((string list, bool accepted) in ((string, bool)[])[("accept", true), ("accept_spaced", true), ("reject", false)])
                    foreach (JsonElement item in line.GetProperty(list).EnumerateArray())
                        yield return new(name, schema, item.GetString()!, accepted, mayRefuse);
            }
        }
    }

    /// <summary>The schemas that have to compile, of the two files with whole schemas.</summary>
    internal static IEnumerable<string> Schemas() =>
        ((string[])["schemas-own.jsonl", "schemas-public.jsonl"]).SelectMany(Lines).Select(line => line.GetProperty("schema").GetRawText());

    private static IEnumerable<JsonElement> Lines(string file) => File.ReadLines(Path.Combine(TestData.Root, "json-schema", file)).Select(line => JsonElement.Parse(line));

    private static bool? Accept(JsonElement line) => line.GetProperty("accept").GetString() switch { "yes" => true, "no" => false, _ => null };
}
