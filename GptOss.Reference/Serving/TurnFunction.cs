using GptOss.Reference.Harmony;

namespace GptOss.Reference.Serving;

/// <summary>A function that a turn may call.</summary>
/// <param name="Description">Name, description and parameters, as the prompt shows them.</param>
internal sealed record TurnFunction(ToolDescription Description)
{
    /// <summary>Its Harmony namespace.</summary>
    public string Namespace { get; init; } = ToolNamespace.FunctionsName;

    /// <summary>Whether a schema that cannot be kept is an error; otherwise such a call is held to well-formed JSON only.</summary>
    public bool IsStrict { get; init; }

    /// <summary>Whether its input is free text instead of JSON.</summary>
    public bool IsCustom { get; init; }

    /// <summary>Its name without the namespace.</summary>
    public string Name => Description.Name;

    /// <summary>To whom a call is addressed: <c>functions.get_weather</c>.</summary>
    public string Recipient => $"{Namespace}.{Name}";
}
