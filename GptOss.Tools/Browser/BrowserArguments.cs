using System.Globalization;
using System.Numerics;
using System.Text.Json;

namespace GptOss.Tools.Browser;

/// <summary>The arguments of one browser call, read as loosely as the published tool reads them.</summary>
internal sealed class BrowserArguments
{
    private static readonly Dictionary<string, string[]> Names = new()
    {
        ["search"] = ["query", "topn", "top_n", "source"],
        ["open"] = ["id", "cursor", "loc", "num_lines", "view_source", "source"],
        ["find"] = ["pattern", "cursor"],
    };

    private readonly string _function;
    private readonly Dictionary<string, JsonElement> _values = [];

    private BrowserArguments(string function, JsonElement? values)
    {
        _function = function;
        if (values is not { } given) return;
        foreach (JsonProperty value in given.EnumerateObject())
        {
            if (!Names[function].Contains(value.Name)) throw new BrowserException($"browser.{function} has no argument `{value.Name}`.");
            _values[value.Name] = value.Value.Clone();                          // The last of repeated keys counts.
        }
    }

    /// <summary>Whether there is a function of this name; case matters.</summary>
    internal static bool IsFunction(string function) => Names.ContainsKey(function);

    /// <summary>The arguments of a message; null if its text is neither empty nor a JSON object.</summary>
    internal static JsonElement? Parse(string text, out bool isObject)
    {
        isObject = text.Length == 0;
        if (isObject) return null;
        try
        {
            using JsonDocument document = JsonDocument.Parse(text);
            isObject = document.RootElement.ValueKind is JsonValueKind.Object;
            return document.RootElement.Clone();
        }
        catch (Exception e) when (e is JsonException or ArgumentException)
        {
            return null;
        }
    }

    /// <summary>The arguments of a function.</summary>
    /// <exception cref="BrowserException">One is unknown, or a required one is missing.</exception>
    internal static BrowserArguments Of(string function, JsonElement? values)
    {
        BrowserArguments arguments;
        try
        {
            arguments = new BrowserArguments(function, values);
        }
        catch (InvalidOperationException e)
        {
            throw new BrowserException("The arguments are not Unicode text.", e);
        }
        if (function is "search" or "find" && !arguments._values.ContainsKey(Names[function][0]))
            throw new BrowserException($"browser.{function} needs the argument `{Names[function][0]}`.");
        return arguments;
    }

    /// <summary>An argument; null if it is not given.</summary>
    internal JsonElement? this[string name] => _values.TryGetValue(name, out JsonElement value) ? value : null;

    /// <summary>An argument as text, whatever it is.</summary>
    /// <exception cref="BrowserException">It is a list, an object or not Unicode.</exception>
    internal string Text(string name) => Show(_values[name])
        ?? throw new BrowserException($"browser.{_function}: `{name}` should be text, not `{TypeName(_values[name])}`.");

    /// <summary>Whether an argument counts as true.</summary>
    internal bool IsTrue(string name) => this[name] is { } value && value.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.Number => value.GetDouble() != 0,
        JsonValueKind.String => value.GetRawText().Length > 2,
        JsonValueKind.Array => value.GetArrayLength() > 0,
        JsonValueKind.Object => value.EnumerateObject().Any(),
        _ => false,
    };

    /// <summary>A number, true and false included; null for anything else.</summary>
    internal static double? Number(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Number => value.GetDouble(),
        JsonValueKind.True => 1,
        JsonValueKind.False => 0,
        _ => null,
    };

    /// <summary>A whole number without a point, of any size, true and false included; null for anything else.</summary>
    internal static BigInteger? Integer(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Number when IsWhole(value) => BigInteger.Parse(value.GetRawText(), CultureInfo.InvariantCulture),
        JsonValueKind.True => BigInteger.One,
        JsonValueKind.False => BigInteger.Zero,
        _ => null,
    };

    /// <summary>A value as the published tool prints it; null for lists, objects and text that is not Unicode.</summary>
    internal static string? Show(JsonElement value)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.String:
                try
                {
                    return value.GetString();
                }
                catch (InvalidOperationException)
                {
                    return null;
                }
            case JsonValueKind.Number when !IsWhole(value):
                string number = value.GetDouble().ToString("R", CultureInfo.InvariantCulture);
                return number.AsSpan().ContainsAny(".EIN") ? number : number + ".0";
            case JsonValueKind.Number:
                return value.GetRawText();
            case JsonValueKind.True or JsonValueKind.False:
                return value.GetBoolean() ? "True" : "False";
            case JsonValueKind.Null:
                return "None";
            default:
                return null;
        }
    }

    /// <summary>The name of a value's type in the published tool's messages.</summary>
    internal static string TypeName(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => "str",
        JsonValueKind.Number => IsWhole(value) ? "int" : "float",
        JsonValueKind.True or JsonValueKind.False => "bool",
        JsonValueKind.Array => "list",
        JsonValueKind.Object => "dict",
        _ => "NoneType",
    };

    private static bool IsWhole(JsonElement value) => !value.GetRawText().AsSpan().ContainsAny(".eE");
}
