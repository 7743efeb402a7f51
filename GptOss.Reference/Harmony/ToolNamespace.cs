using System.Text.Json;

namespace GptOss.Reference.Harmony;

/// <summary>Tools under one name; a recipient is <c>NAME.TOOL</c>, or the bare name where there are no tools inside (<c>python</c>).</summary>
/// <param name="Name">The namespace.</param>
/// <param name="Description">Lines above it; null for none.</param>
/// <param name="Tools">The tools, in the order in which they are printed.</param>
public sealed record ToolNamespace(string Name, string? Description, IReadOnlyList<ToolDescription> Tools)
{
    /// <summary>The namespace of an application's functions.</summary>
    public const string FunctionsName = "functions";

    /// <summary>Recipients of calls: <c>NAME.TOOL</c> for every tool, or the name itself.</summary>
    public IEnumerable<string> Recipients => Tools.Count == 0 ? [Name] : Tools.Select(tool => $"{Name}.{tool.Name}");

    /// <summary>The functions of an application, as developer content takes them.</summary>
    public static IReadOnlyDictionary<string, ToolNamespace> Functions(IReadOnlyList<ToolDescription> tools) =>
        Of(new ToolNamespace(FunctionsName, null, tools));

    /// <summary>Namespaces by their names, as content takes them.</summary>
    public static IReadOnlyDictionary<string, ToolNamespace> Of(params IReadOnlyList<ToolNamespace> namespaces) =>
        namespaces.ToDictionary(space => space.Name, StringComparer.Ordinal);
}

/// <summary>One function that the model may call.</summary>
/// <param name="Name">Its name without the namespace.</param>
/// <param name="Description">What it does; comment lines above its type.</param>
public sealed record ToolDescription(string Name, string Description)
{
    private readonly JsonElement? _parameters;

    /// <summary>As the other constructor, with parameters.</summary>
    /// <exception cref="HarmonyFormatException">The parameters are not a JSON object, or hold text that is not Unicode, or a bad number.</exception>
    public ToolDescription(string name, string description, JsonElement? parameters)
        : this(name, description) => Parameters = parameters;

    /// <summary>
    /// A JSON Schema; null for a function without parameters. It is kept in the spelling that the published library prints: the last of
    /// two equal keys counts, at the place of the first, and numbers have one form.
    /// </summary>
    /// <exception cref="HarmonyFormatException">It is not a JSON object, or holds something that is not Unicode or not a number.</exception>
    public JsonElement? Parameters
    {
        get => _parameters;
        init => _parameters = value is { } given ? CompactJson.Canonical(given) : null;
    }
}
