using System.Text.Json;
using GptOss.Reference.Ground;

namespace GptOss.Reference.Checkpoints.Configuration;

/// <summary>Typed access to the keys of one JSON object of a configuration. A key with null counts as absent; a known key with an unusable value
/// is an error; aliases must agree.</summary>
/// <param name="root">The object.</param>
/// <param name="file">For messages.</param>
/// <param name="prefix">Stands before keys in messages: empty, or <c>rope_scaling.</c></param>
internal readonly struct ConfigKeys(JsonElement root, string file, string prefix = "")
{
    /// <summary>Whether the key is there with a value other than null.</summary>
    internal bool Has(string key) => TryGet(key, out _);

    /// <summary>Every key with a value other than null.</summary>
    internal IEnumerable<string> Names => root.EnumerateObject().Where(property => property.Value.ValueKind != JsonValueKind.Null).Select(property => property.Name);

    internal bool IsNull(string key) => root.TryGetProperty(key, out JsonElement value) && value.ValueKind == JsonValueKind.Null;

    /// <summary>The integer under any of the names, or null where none is there. 4 and 4.0 are both four.</summary>
    internal int? Integer(int min, int max, params ReadOnlySpan<string> names)
    {
        int? found = null;
        string first = "";
        foreach (string name in names)
        {
            if (!TryGet(name, out JsonElement value))
                continue;
            if (value.ValueKind != JsonValueKind.Number || !value.TryGetDouble(out double number) || number != Math.Floor(number)
                || number < min || number > max)
                throw Bad($"{prefix}{name} is {JsonDocuments.Shown(value)}; expected an integer from {min} to {max}.");
            if (found is { } other && other != (int)number)
                throw Bad($"{prefix}{first} is {other} and {prefix}{name} is {(int)number}; they mean the same and must be equal.");
            (found, first) = ((int)number, name);
        }
        return found;
    }

    /// <summary>The number under <paramref name="name"/>, or null where it is not there. Finite, above <paramref name="above"/>, and within
    /// float32.</summary>
    internal double? Number(string name, double above)
    {
        if (!TryGet(name, out JsonElement value))
            return null;
        if (value.ValueKind != JsonValueKind.Number || !value.TryGetDouble(out double number) || !(number > above) || !((float)number <= float.MaxValue)
            || !((float)number > above))
            throw Bad($"{prefix}{name} is {JsonDocuments.Shown(value)}; expected a number above {above}.");
        return number;
    }

    internal bool? Flag(string name)
    {
        if (!TryGet(name, out JsonElement value))
            return null;
        return value.ValueKind is JsonValueKind.True or JsonValueKind.False
            ? value.GetBoolean()
            : throw Bad($"{prefix}{name} is {JsonDocuments.Shown(value)}; expected true or false.");
    }

    internal string? Text(string name)
    {
        if (!TryGet(name, out JsonElement value))
            return null;
        return JsonDocuments.Text(value) ?? throw Bad($"{prefix}{name} is {JsonDocuments.Shown(value)}; expected a string.");
    }

    /// <summary>The object under <paramref name="name"/>; null where it is not there.</summary>
    internal ConfigKeys? Object(string name)
    {
        if (!TryGet(name, out JsonElement value))
            return null;
        return value.ValueKind == JsonValueKind.Object
            ? new ConfigKeys(value, file, name + ".")
            : throw Bad($"{prefix}{name} is {JsonDocuments.Shown(value)}; expected an object.");
    }

    /// <summary>The list under <paramref name="name"/>; null where it is not there.</summary>
    internal JsonElement? Array(string name)
    {
        if (!TryGet(name, out JsonElement value))
            return null;
        return value.ValueKind == JsonValueKind.Array ? value : throw Bad($"{prefix}{name} is {JsonDocuments.Shown(value)}; expected a list.");
    }

    private bool TryGet(string name, out JsonElement value) => root.TryGetProperty(name, out value) && value.ValueKind != JsonValueKind.Null;

    /// <summary>A key as messages have it: with the name of the object that holds it.</summary>
    internal string Name(string key) => prefix + key;

    internal CheckpointFormatException Bad(string sentence) => new(file, "config-value", sentence);
}
