using System.Text.Json;
using GptOss.Reference.Harmony;

namespace GptOss.Tools.ApplyPatch;

/// <summary><c>functions.apply_patch</c>: applies the model's patches in one folder.</summary>
/// <param name="root">The folder; nothing outside it is touched.</param>
public sealed class ApplyPatchTool(string root) : ITool
{
    /// <summary>The function's name.</summary>
    public const string FunctionName = "apply_patch";

    /// <summary>The answer to a call that was cancelled before it changed a file.</summary>
    public const string Stopped = "The user stopped the patch before anything was changed.";

    /// <summary>One string, so that the model sees <c>type apply_patch = (_: string) =&gt; any;</c>.</summary>
    public ToolNamespace Declaration { get; } = new(
        ToolNamespace.FunctionsName, null, [new ToolDescription(FunctionName, "Patch a file", JsonElement.Parse("""{"type":"string"}"""))]);

    /// <inheritdoc/>
    public string? Instructions => BuiltInTools.ApplyPatchInstructions;

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
            Patch.ApplyToFolder(Text(content), root, cancellation);
            answer = Patch.Done;
        }
        catch (OperationCanceledException)
        {
            answer = Stopped;
        }
        catch (PatchException e)
        {
            answer = e.Message;
        }
        return Task.FromResult<IReadOnlyList<ToolAnswer>>([new ToolAnswer(recipient, answer)]);
    }

    // The patch itself, the same as a JSON string, or an object with one such string.
    private static string Text(string content)
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
