using System.Text.Json;
using GptOss.Reference.Harmony;

namespace GptOss.Reference.Tools;

/// <summary><c>functions.apply_patch</c>: patches of the model's, applied in one folder.</summary>
/// <param name="root">The folder; nothing outside it is touched.</param>
public sealed class ApplyPatchTool(string root) : ITool
{
    /// <summary>The function's name.</summary>
    public const string FunctionName = "apply_patch";

    /// <summary>One string, so that the model sees <c>type apply_patch = (_: string) =&gt; any;</c>.</summary>
    public ToolNamespace Declaration { get; } = new(
        ToolNamespace.FunctionsName, null, [new ToolDescription(FunctionName, "Patch a file", JsonElement.Parse("""{"type":"string"}"""))]);

    /// <summary>The form of a patch, of which the declaration says nothing.</summary>
    public static string Format { get; } =
        """
        Files are changed with `apply_patch`, whose argument is the text of one patch. A patch begins with the line `*** Begin Patch`, ends with the
        line `*** End Patch`, and holds any number of these in between:

        `*** Add File: PATH` makes a file; every line of it follows with `+` in front.
        `*** Delete File: PATH` removes a file; nothing follows.
        `*** Update File: PATH` changes a file. The next line may be `*** Move to: NEW PATH`. Each change then begins with a line `@@`, or `@@ LINE`
        where LINE is a line of the file above the change, such as the head of a function. Its lines follow: with a space in front what stays, with
        `-` what goes, with `+` what comes. `*** End of File` after them says that they are the last of the file.

        Paths are relative. For example:

        *** Begin Patch
        *** Update File: app.py
        @@ def greet():
        -print("Hi")
        +print("Hello, world!")
        *** End Patch
        """.ReplaceLineEndings("\n");

    /// <inheritdoc/>
    public string? Instructions => Format;

    /// <inheritdoc/>
    public bool IsFor(string recipient) => recipient is "functions." + FunctionName;

    /// <inheritdoc/>
    public Task<IReadOnlyList<ToolAnswer>> InvokeAsync(string recipient, string content, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(recipient);
        ArgumentNullException.ThrowIfNull(content);
        string answer;
        try
        {
            ApplyPatch.ToFolder(Patch(content), root);
            answer = ApplyPatch.Done;
        }
        catch (PatchException e)
        {
            answer = e.Message;
        }
        return Task.FromResult<IReadOnlyList<ToolAnswer>>([new ToolAnswer(recipient, answer)]);
    }

    // The patch itself, the same as a JSON string, or an object with one such string.
    private static string Patch(string content)
    {
        string text = content.TrimStart();
        if (text.Length == 0 || text[0] is not ('"' or '{')) return content;
        try
        {
            using JsonDocument document = JsonDocument.Parse(content);
            JsonElement value = document.RootElement;
            if (value.ValueKind is JsonValueKind.Object && value.EnumerateObject().Count() == 1) value = value.EnumerateObject().First().Value;
            return value.ValueKind is JsonValueKind.String ? value.GetString()! : content;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return content;
        }
    }
}
