using System.Globalization;
using System.Text;
using System.Text.Json;

namespace GptOss.Reference.Harmony;

/// <summary>
/// JSON on one line, as serde_json and Python's json (<c>ensure_ascii=False</c>, no spaces) both print it: nothing escaped that need not be.
/// </summary>
internal static class CompactJson
{
    private const string BrokenKey = "A key holds half of a surrogate pair.";

    // What serde_json accepts.
    private static readonly JsonDocumentOptions Options = new() { MaxDepth = 128 };

    /// <summary>Parses one document of untrusted text. The element outlives it.</summary>
    /// <param name="text">The document.</param>
    /// <param name="what">For the message: <c>the conversation</c>.</param>
    internal static JsonElement Parse(string text, string what)
    {
        try
        {
            using var document = JsonDocument.Parse(text.StartsWith('\uFEFF') ? text.AsMemory(1) : text.AsMemory(), Options);
            return document.RootElement.Clone();
        }
        catch (JsonException e)
        {
            throw new HarmonyFormatException(
                $"{what} is not valid JSON at line {(e.LineNumber ?? 0) + 1}, byte {(e.BytePositionInLine ?? 0) + 1}.", e);
        }
        catch (ArgumentException e)            // the text holds half of a surrogate pair
        {
            throw new HarmonyFormatException($"{what} holds text that is not Unicode.", e);
        }
    }

    /// <summary>
    /// A schema in the one spelling the published library gives it: compact, the last of equal keys at the place of the first, numbers as
    /// serde_json prints what Python read.
    /// </summary>
    internal static JsonElement Canonical(JsonElement schema)
    {
        if (schema.ValueKind != JsonValueKind.Object)
            throw new HarmonyFormatException("The parameters of a tool are a JSON object.");
        var text = new StringBuilder();
        Append(text, schema);
        return Parse(text.ToString(), "the parameters of a tool");
    }

    /// <summary>Any value on one line.</summary>
    internal static string Spelled(JsonElement value)
    {
        var text = new StringBuilder();
        Append(text, value);
        return text.ToString();
    }

    /// <summary>Appends a string in quotes.</summary>
    internal static StringBuilder AppendString(StringBuilder text, string value)
    {
        text.Append('"');
        foreach (char c in value)
        {
            _ = c switch
            {
                '"' => text.Append("\\\""),
                '\\' => text.Append("\\\\"),
                '\n' => text.Append("\\n"),
                '\r' => text.Append("\\r"),
                '\t' => text.Append("\\t"),
                '\f' => text.Append("\\f"),
                '\b' => text.Append("\\b"),
                < ' ' => text.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}"),
                _ => text.Append(c),
            };
        }

        return text.Append('"');
    }

    /// <summary>A property of an object, the last of this name; null if there is none, or if the value is not an object.</summary>
    internal static JsonElement? Get(JsonElement value, string key)
    {
        try
        {
            return value.ValueKind == JsonValueKind.Object && value.TryGetProperty(key, out JsonElement found) ? found : null;
        }
        catch (InvalidOperationException e)
        {
            throw new HarmonyFormatException(BrokenKey, e);
        }
    }

    /// <summary>Text that JSON may hold; half of a surrogate pair is refused.</summary>
    internal static string String(JsonElement element)
    {
        try
        {
            return element.GetString()!;
        }
        catch (InvalidOperationException e)
        {
            throw new HarmonyFormatException("A text holds half of a surrogate pair.", e);
        }
    }

    /// <summary>Text in which each lone half of a surrogate pair is U+FFFD.</summary>
    internal static string StringWithReplacement(JsonElement element)
    {
        try
        {
            return element.GetString()!;
        }
        catch (InvalidOperationException)
        {
            string raw = element.GetRawText();
            var text = new StringBuilder(raw.Length);
            for (int i = 0; i < raw.Length; i++)
            {
                if (raw[i] != '\\')
                {
                    text.Append(raw[i]);
                }
                else if (Escaped(raw, i) is not { } unit)
                {
                    text.Append(raw[i++]).Append(raw[i]);
                }
                else if (char.IsHighSurrogate(unit) && Escaped(raw, i + 6) is { } low && char.IsLowSurrogate(low))
                {
                    text.Append(unit).Append(low);
                    i += 11;
                }
                else
                {
                    text.Append(char.IsSurrogate(unit) ? "\\ufffd" : raw.AsSpan(i, 6));
                    i += 5;
                }
            }

            return JsonElement.Parse(text.ToString()).GetString()!;
        }
    }

    // The UTF-16 unit of an escape \uXXXX at this place.
    private static char? Escaped(string raw, int at) =>
        at + 6 <= raw.Length && raw[at] == '\\' && raw[at + 1] == 'u'
            ? (char)ushort.Parse(raw.AsSpan(at + 2, 4), NumberStyles.HexNumber, CultureInfo.InvariantCulture)
            : null;

    private static void Append(StringBuilder text, JsonElement value)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                string separator = "{";
                foreach ((string key, JsonElement item) in Properties(value))
                {
                    AppendString(text.Append(separator), key).Append(':');
                    Append(text, item);
                    separator = ",";
                }

                text.Append(separator == "{" ? "{}" : "}");
                break;
            case JsonValueKind.Array:
                text.Append('[');
                for (int i = 0; i < value.GetArrayLength(); i++)
                {
                    if (i > 0)
                        text.Append(',');
                    Append(text, value[i]);
                }

                text.Append(']');
                break;
            case JsonValueKind.String:
                AppendString(text, String(value));
                break;
            case JsonValueKind.Number:
                text.Append(Number(value.GetRawText()));
                break;
            default:
                text.Append(value.GetRawText());
                break;
        }
    }

    /// <summary>The properties of an object, the last of equal keys at the place of the first, as Python reads them.</summary>
    internal static OrderedDictionary<string, JsonElement> Properties(JsonElement value)
    {
        var properties = new OrderedDictionary<string, JsonElement>(StringComparer.Ordinal);
        foreach (JsonProperty property in value.EnumerateObject())
        {
            try
            {
                properties[property.Name] = property.Value;
            }
            catch (InvalidOperationException e)
            {
                throw new HarmonyFormatException(BrokenKey, e);
            }
        }

        return properties;
    }

    // Integers that fit 64 bits stay integers; everything else is a double in its shortest form, always with a fraction or an exponent.
    private static string Number(string raw)
    {
        if (raw.AsSpan().IndexOfAny(".eE") < 0)
        {
            if (long.TryParse(raw, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long signed))
                return signed.ToString(CultureInfo.InvariantCulture);
            if (ulong.TryParse(raw, NumberStyles.None, CultureInfo.InvariantCulture, out ulong unsigned))
                return unsigned.ToString(CultureInfo.InvariantCulture);
        }

        double value = double.Parse(raw, CultureInfo.InvariantCulture);
        if (!double.IsFinite(value))
            throw new HarmonyFormatException("A number is too large for a double.");
        if (value == 0)
            return double.IsNegative(value) ? "-0.0" : "0.0";

        // Digits, and where the point is among them: 1E+23 is 1 and 24, 0.05 is 5 and -1.
        string shortest = double.Abs(value).ToString("R", CultureInfo.InvariantCulture);
        int e = shortest.IndexOf('E');
        string mantissa = e < 0 ? shortest : shortest[..e];
        int exponent = e < 0 ? 0 : int.Parse(shortest.AsSpan(e + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
        int whole = mantissa.IndexOf('.') is >= 0 and var dot ? dot : mantissa.Length;
        string all = mantissa.Replace(".", "", StringComparison.Ordinal);
        string digits = all.TrimStart('0');
        int point = exponent + whole - (all.Length - digits.Length);
        digits = digits.TrimEnd('0');
        string sign = value < 0 ? "-" : "";
        return sign + point switch
        {
            > 16 or <= -5 => digits[..1] + (digits.Length > 1 ? "." + digits[1..] : "") + "e" + (point - 1).ToString(CultureInfo.InvariantCulture),
            <= 0 => "0." + new string('0', -point) + digits,
            _ when digits.Length <= point => digits + new string('0', point - digits.Length) + ".0",
            _ => digits[..point] + "." + digits[point..],
        };
    }
}
