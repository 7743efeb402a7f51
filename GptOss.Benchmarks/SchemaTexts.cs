using System.Text.Json;
using GptOss.Reference.Generation.Constraints;
using GptOss.Reference.Tokens;

namespace GptOss.Benchmarks;

/// <summary>Schemas and texts of <c>testdata/json-schema</c>: what people write, and answers to it as the tokenizer spells them.</summary>
internal static class SchemaTexts
{
    /// <summary>Schemas with a text that is valid for each.</summary>
    internal static (string Schema, int[] Text)[] All { get; } = [.. Read()];

    private static IEnumerable<(string Schema, int[] Text)> Read()
    {
        foreach (string file in (string[])["schemas-public.jsonl", "schemas-own.jsonl"])
        {
            foreach (string line in File.ReadLines(Path.Combine(Folder(), file)))
            {
                using var document = JsonDocument.Parse(line);
                string schema = document.RootElement.GetProperty("schema").GetRawText();
                JsonElement accepted = document.RootElement.GetProperty("accept");
                if (accepted.GetArrayLength() > 0 && IsKept(schema))
                    yield return (schema, Tokenizer.O200kHarmony.Encode(accepted[0].GetString()!));
            }
        }
    }

    private static bool IsKept(string schema)
    {
        try
        {
            JsonSchema.Compile(schema);
            return true;
        }
        catch (JsonSchemaException)
        {
            return false;
        }
    }

    private static string Folder()
    {
        for (DirectoryInfo? at = new(AppContext.BaseDirectory); at is not null; at = at.Parent)
        {
            if (Directory.Exists(Path.Combine(at.FullName, "testdata", "json-schema")))
                return Path.Combine(at.FullName, "testdata", "json-schema");
        }
        throw new DirectoryNotFoundException("testdata/json-schema is not above the benchmark's folder.");
    }
}
