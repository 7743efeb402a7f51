using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace GptOss.Server.Requests;

using GptOss.Server.Http;

/// <summary>A value of a request together with its path, so that a refusal can name it. Null never becomes a field: it means absent.</summary>
/// <param name="Value">The value.</param>
/// <param name="Path">Its place, such as <c>messages[2].content</c>; empty for the request itself.</param>
internal readonly record struct Field(JsonElement Value, string Path)
{
    /// <summary>A member of an object; null if it is absent or null.</summary>
    /// <exception cref="ApiException">This is not an object.</exception>
    internal Field? this[string name] =>
        Object().Value.TryGetProperty(name, out JsonElement value) && value.ValueKind != JsonValueKind.Null
            ? new Field(value, Path.Length == 0 ? name : $"{Path}.{name}")
            : null;

    internal bool IsString => Value.ValueKind == JsonValueKind.String;

    internal bool IsObject => Value.ValueKind == JsonValueKind.Object;

    internal bool IsArray => Value.ValueKind == JsonValueKind.Array;

    /// <summary>A member that must be there.</summary>
    internal Field Required(string name) => this[name] ?? throw ApiException.Missing(Path.Length == 0 ? name : $"{Path}.{name}");

    internal string String() => IsString ? Value.GetString()! : throw WrongType("a string");

    internal bool Boolean() => Value.ValueKind is JsonValueKind.True or JsonValueKind.False ? Value.GetBoolean() : throw WrongType("true or false");

    internal Field Object() => IsObject ? this : throw WrongType("an object");

    /// <summary>A whole number; 3.0 counts as 3.</summary>
    internal long Integer(long from, long to)
    {
        if (Value.ValueKind != JsonValueKind.Number)
            throw WrongType("a whole number");
        if (!Value.TryGetInt64(out long number))
        {
            double real = Value.GetDouble();
            if (real != Math.Truncate(real))
                throw WrongType("a whole number");
            if (Math.Abs(real) >= long.MaxValue)
                throw OutOfRange(from, to);
            number = (long)real;
        }

        return number >= from && number <= to ? number : throw OutOfRange(from, to);
    }

    internal double Number(double from, double to)
    {
        if (Value.ValueKind != JsonValueKind.Number)
            throw WrongType("a number");
        double number = Value.GetDouble();
        return number >= from && number <= to ? number : throw OutOfRange(from, to);
    }

    /// <summary>The elements of an array, with their paths. An element that is null is a wrong type, not absent.</summary>
    internal IEnumerable<Field> Elements(int most = int.MaxValue)
    {
        if (!IsArray)
            throw WrongType("a list");
        if (Value.GetArrayLength() > most)
            throw ApiException.Invalid(Path, $"{Path} has {Value.GetArrayLength()} elements; at most {most} are allowed.");
        string path = Path;
        return Value.EnumerateArray().Select((value, index) => new Field(value, string.Create(CultureInfo.InvariantCulture, $"{path}[{index}]")));
    }

    /// <summary>The members of an object in order, nulls left out.</summary>
    internal IEnumerable<(string Name, Field Field)> Members()
    {
        string path = Object().Path;
        return Value.EnumerateObject().Where(member => member.Value.ValueKind != JsonValueKind.Null)
            .Select(member => (member.Name, new Field(member.Value, path.Length == 0 ? member.Name : $"{path}.{member.Name}")));
    }

    /// <summary>The value as a node of its own. Of a key that comes twice the last one counts, as everywhere.</summary>
    internal JsonNode? Copy() => Copy(Value);

    /// <inheritdoc cref="Copy()"/>
    internal static JsonNode? Copy(JsonElement value)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                var members = new JsonObject();
                foreach (JsonProperty member in value.EnumerateObject())
                    members[member.Name] = Copy(member.Value);
                return members;
            case JsonValueKind.Array:
                return new JsonArray([.. value.EnumerateArray().Select(Copy)]);
            default:
                return JsonValue.Create(value.Clone());
        }
    }

    /// <summary>One of a few words.</summary>
    internal string OneOf(params ReadOnlySpan<string> words)
    {
        string value = String();
        if (words.Contains(value))
            return value;
        throw ApiException.Invalid(Path, $"{Path} is '{Shown(value)}'; expected {string.Join(", ", words!)}.");
    }

    internal ApiException WrongType(string expected) =>
        new(400, "invalid_type", $"{Path} is {KindOf(Value)}; expected {expected}.", Path);

    /// <summary>What kind of value this is, with its article.</summary>
    internal static string KindOf(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "a list",
        JsonValueKind.String => "a string",
        JsonValueKind.Number => "a number",
        JsonValueKind.True or JsonValueKind.False => "a boolean",
        _ => "null",
    };

    /// <summary>A value of a request inside a message: never long.</summary>
    internal static string Shown(string value) => value.Length <= 64 ? value : string.Concat(value.AsSpan(0, 64), "…");

    private ApiException OutOfRange(double from, double to)
    {
        string expected = from <= long.MinValue ? "a whole number of 64 bits"
            : to is double.MaxValue or long.MaxValue ? string.Create(CultureInfo.InvariantCulture, $"at least {from}")
            : string.Create(CultureInfo.InvariantCulture, $"{from} to {to}");
        return ApiException.Invalid(Path, $"{Path} is {Shown(Value.GetRawText())}; expected {expected}.");
    }
}
