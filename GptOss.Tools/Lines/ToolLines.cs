using System.Text.Json;
using GptOss.Reference.Ground;
using GptOss.Tools.ApplyPatch;
using GptOss.Tools.Browser;

namespace GptOss.Tools.Lines;

/// <summary>One line of JSON in, one out: a tool without a model, for programs that compare answers.</summary>
/// <remarks>
/// Lines have the form of the recordings in <c>testdata/tools</c>; what was recorded in them is ignored. A line that is not such a request
/// is answered by <c>{"name", "error"}</c>, never by an exception.
/// </remarks>
internal static partial class ToolLines
{
    /// <summary>The answer to one line.</summary>
    /// <param name="Json">The line to print, without its end.</param>
    /// <param name="IsRequest">False where the input line was malformed.</param>
    public readonly record struct Answer(string Json, bool IsRequest);

    /// <summary><c>{"name", "files", "patch"}</c> → <c>{"name", "after" | "error"}</c>.</summary>
    public static Answer ApplyPatchLine(string line) => Reply(line, (request, writer) =>
    {
        var files = new OrderedDictionary<string, string>();
        foreach (JsonProperty file in Member(request, "files", JsonValueKind.Object).EnumerateObject())
            files[file.Name] = Text(file.Value, file.Name);
        string patch = Text(request, "patch", null);
        try
        {
            IReadOnlyDictionary<string, string> after = Patch.ApplyToFiles(patch, files);
            writer.WriteStartObject("after");
            foreach ((string path, string text) in after)
                writer.WriteString(path, text);
            writer.WriteEndObject();
        }
        catch (PatchException e)
        {
            writer.WriteString("error", e.Message);
        }
    });

    /// <summary>
    /// <c>{"name", "page_stack", "text", "pieces"}</c> → <c>{"name", "normalized", "annotations", "deltas"}</c>. Without pieces, the text is one.
    /// </summary>
    public static Answer CitationsLine(string line) => Reply(line, (request, writer) =>
    {
        string[] stack = Texts(request, "page_stack");
        string text = Text(request, "text", null);
        string[] pieces = request.TryGetProperty("pieces", out _) ? Texts(request, "pieces") : [text];
        CitedText cited = Citations.Normalize(text, stack);
        writer.WriteString("normalized", cited.Text);
        writer.WriteStartArray("annotations");
        foreach (UrlCitation citation in cited.Annotations)
        {
            writer.WriteStartObject();
            writer.WriteNumber("start_index", citation.StartIndex);
            writer.WriteNumber("end_index", citation.EndIndex);
            writer.WriteString("title", citation.Title);
            writer.WriteString("url", citation.Url);
            writer.WriteString("type", "url_citation");
            writer.WriteEndObject();
        }
        writer.WriteEndArray();
        writer.WriteStartArray("deltas");
        var stream = new StreamedCitations(stack);
        foreach (string piece in pieces)
            writer.WriteStringValue(stream.Push(piece));
        writer.WriteEndArray();
    });

    private static Answer Reply(string line, Action<JsonElement, Utf8JsonWriter> answer)
    {
        string? name = null;
        try
        {
            using var document = JsonDocument.Parse(line);
            if (document.RootElement.ValueKind is not JsonValueKind.Object)
                throw new JsonException("expected one JSON object a line.");
            if (document.RootElement.TryGetProperty("name", out JsonElement given) && given.ValueKind is JsonValueKind.String)
                name = given.GetString();
            return new Answer(Write(name, writer => answer(document.RootElement, writer)), IsRequest: true);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or ArgumentException)
        {
            // InvalidOperationException: a string that is not Unicode; ArgumentException: the line itself is not.
            return new Answer(Write(name, writer => writer.WriteString("error", $"malformed line: {e.Message}")), IsRequest: false);
        }
    }

    private static string Write(string? name, Action<Utf8JsonWriter> members) => JsonText.Of(writer =>
    {
        writer.WriteStartObject();
        writer.WriteString("name", name);
        members(writer);
        writer.WriteEndObject();
    });

    private static JsonElement Member(JsonElement request, string key, JsonValueKind kind) =>
        request.TryGetProperty(key, out JsonElement value) && value.ValueKind == kind
            ? value
            : throw new JsonException($"\"{key}\": expected {JsonKind.Of(kind)}.");

    private static string Text(JsonElement request, string key, string? absent) =>
        absent is not null && !request.TryGetProperty(key, out _) ? absent : Member(request, key, JsonValueKind.String).GetString()!;

    private static string Text(JsonElement value, string what) =>
        value.ValueKind is JsonValueKind.String ? value.GetString()! : throw new JsonException($"\"{what}\": expected a string.");

    private static string[] Texts(JsonElement request, string key) =>
        [.. Member(request, key, JsonValueKind.Array).EnumerateArray().Select(item => Text(item, key))];
}
