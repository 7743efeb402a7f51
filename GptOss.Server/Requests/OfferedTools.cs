using GptOss.Reference.Harmony;
using GptOss.Reference.Serving;
using GptOss.Server.Http;

namespace GptOss.Server.Requests;

/// <summary>The functions of a request, in its order.</summary>
internal sealed class OfferedTools
{
    private const int MostTools = 512;
    private readonly List<TurnFunction> _functions = [];
    private readonly Dictionary<string, string> _paths = [];

    internal IReadOnlyList<TurnFunction> Functions => _functions;

    /// <summary>Types of built-in tools that the request asks for, such as <c>web_search</c>; the server has them or leaves them out.</summary>
    internal List<string> BuiltIn { get; } = [];

    /// <summary>The tools of a Chat Completions request: <c>{type: "function", function: {…}}</c>.</summary>
    internal static OfferedTools OfChat(Field? tools)
    {
        var offered = new OfferedTools();
        foreach (Field tool in tools?.Elements(MostTools) ?? [])
        {
            string type = tool.Required("type").String();
            if (type == "function")
                offered.AddFunction(tool.Required("function").Object(), ToolNamespace.FunctionsName);
            else if (type == "custom")
                offered.AddCustom((tool["custom"] ?? tool).Object(), ToolNamespace.FunctionsName);
            // Every other type is left out, never refused: clients send tools of their own with every request.
        }

        return offered;
    }

    /// <summary>The tools of a Responses request: the same fields flat, namespaces, and built-in tools.</summary>
    internal static OfferedTools OfResponses(Field? tools)
    {
        var offered = new OfferedTools();
        foreach (Field tool in tools?.Elements(MostTools) ?? [])
        {
            string type = tool.Required("type").String();
            if (type == "namespace")
            {
                string space = Name(tool.Required("name"));
                foreach (Field inner in tool["tools"]?.Elements(MostTools) ?? [])
                {
                    if (inner.Required("type").String() == "function")
                        offered.AddFunction(inner, space);
                }
            }
            else
            {
                offered.AddFlat(tool, type);
            }
        }

        return offered;
    }

    /// <summary>Where a function is in the request.</summary>
    internal string PathOf(string recipient) => _paths.GetValueOrDefault(recipient, "tools");

    /// <summary>The offered function that a call is for; null for a recipient that was not offered.</summary>
    internal TurnFunction? Find(string recipient) => _functions.FirstOrDefault(function => function.Recipient == recipient);

    private void AddFlat(Field tool, string type)
    {
        switch (type)
        {
            case "function":
                AddFunction(tool, ToolNamespace.FunctionsName);
                break;
            case "custom":
                AddCustom(tool, ToolNamespace.FunctionsName);
                break;
            case "web_search" or "web_search_preview" or "browser_search" or "code_interpreter":
                BuiltIn.Add(type);
                break;
        }
    }

    private void AddFunction(Field function, string space)
    {
        string name = Name(function.Required("name"));
        string description = function["description"]?.String() ?? "";
        Field? parameters = function["parameters"]?.Object();
        // An empty object means the same as no parameters at all.
        bool isEmpty = parameters is not { } given || !given.Members().Any();
        ToolDescription declared;
        try
        {
            declared = new ToolDescription(name, description, isEmpty ? null : parameters!.Value.Value);
        }
        catch (HarmonyFormatException exception)
        {
            throw ApiException.Invalid($"{function.Path}.parameters", exception.Message);
        }

        Add(new TurnFunction(declared) { Namespace = space, IsStrict = function["strict"]?.Boolean() ?? false }, function.Path);
    }

    private void AddCustom(Field tool, string space)
    {
        var parameters = ApiJson.Parse("""{"type":"string"}""");
        var declared = new ToolDescription(Name(tool.Required("name")), tool["description"]?.String() ?? "", parameters);
        Add(new TurnFunction(declared) { Namespace = space, IsCustom = true }, tool.Path);
    }

    private void Add(TurnFunction function, string path)
    {
        if (!_paths.TryAdd(function.Recipient, path))
            throw ApiException.Invalid($"{path}.name", $"Two tools are named {function.Name}.");
        if (_functions.Count == MostTools)
            throw ApiException.Invalid("tools", $"There are more than {MostTools} tools.");
        _functions.Add(function);
    }

    private static string Name(Field name)
    {
        string value = name.String();
        if (value.Length is 0 or > 64 || !value.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-'))
            throw ApiException.Invalid(name.Path, $"{name.Path} is '{Field.Shown(value)}'; expected 1 to 64 of A-Z, a-z, 0-9, _ and -.");
        return value;
    }
}
