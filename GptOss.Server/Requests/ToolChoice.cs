using GptOss.Reference.Serving;
using GptOss.Server.Http;

namespace GptOss.Server.Requests;

/// <summary>What a request's <c>tool_choice</c> says.</summary>
/// <param name="Mode">Must, may, must not.</param>
/// <param name="Allowed">The functions that may be called; all that are offered unless the request narrows them.</param>
internal sealed record ToolChoice(CallMode Mode, IReadOnlyList<TurnFunction> Allowed)
{
    private const string Param = "tool_choice";

    /// <summary>Reads the choice in either API's spelling.</summary>
    /// <exception cref="ApiException">It names a function that is not offered, or demands a call where none can be made.</exception>
    internal static ToolChoice Read(Field? choice, OfferedTools offered)
    {
        if (choice is not { } given) return new ToolChoice(CallMode.Auto, offered.Functions);
        ToolChoice read = given.IsString ? OfWord(given, offered.Functions) : OfObject(given.Object(), offered);
        if (read.Mode == CallMode.Required && read.Allowed.Count == 0)
            throw ApiException.Invalid(Param, "tool_choice demands a call, but the request offers no function.");
        return read;
    }

    private static ToolChoice OfWord(Field word, IReadOnlyList<TurnFunction> allowed)
    {
        CallMode mode = word.String() switch
        {
            "auto" => CallMode.Auto,
            "none" => CallMode.None,
            "required" => CallMode.Required,
            var other => throw ApiException.Invalid(Param, $"{word.Path} is '{Field.Shown(other)}'; expected auto, none, required, or an object."),
        };
        return new ToolChoice(mode, mode == CallMode.None ? [] : allowed);
    }

    private static ToolChoice OfObject(Field choice, OfferedTools offered)
    {
        string type = choice.Required("type").String();
        switch (type)
        {
            case "function" or "custom":
                return new ToolChoice(CallMode.Required, [Find(choice[type] ?? choice, offered)]);
            case "allowed_tools":
                Field set = choice["allowed_tools"] ?? choice;
                var allowed = set.Required("tools").Elements().Where(tool => tool["type"]?.String() is null or "function" or "custom")
                    .Select(tool => Find(tool["function"] ?? tool["custom"] ?? tool, offered)).Distinct().ToList();
                return OfWord(set.Required("mode"), allowed);
            default:
                throw ApiException.Invalid(Param, $"tool_choice is of type '{Field.Shown(type)}'; expected function, custom or allowed_tools.");
        }
    }

    private static TurnFunction Find(Field function, OfferedTools offered)
    {
        string name = function.Required("name").String();
        return offered.Functions.FirstOrDefault(other => other.Name == name)
            ?? throw ApiException.Invalid(Param, $"tool_choice names '{Field.Shown(name)}', which the request does not offer.");
    }
}
