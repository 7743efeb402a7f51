using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace GptOss.Reference.Ground;

/// <summary>JSON as this project writes it: in UTF-8, escaped only where JSON demands it, null for a number that is not finite.</summary>
internal static class JsonText
{
    /// <summary>Text stays readable, in any language.</summary>
    internal static readonly JsonWriterOptions Readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>What <paramref name="write"/> writes, on one line.</summary>
    internal static byte[] Utf8(Action<Utf8JsonWriter> write)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, Readable))
        {
            write(json);
        }

        return buffer.ToArray();
    }

    /// <summary>The same as text.</summary>
    internal static string Of(Action<Utf8JsonWriter> write) => Encoding.UTF8.GetString(Utf8(write));

    /// <summary>A string in quotes.</summary>
    internal static string Quoted(string text) => Of(json => json.WriteStringValue(text));

    /// <summary>Writes a number; null where it is absent, NaN or infinite.</summary>
    internal static void WriteFinite(this Utf8JsonWriter json, string name, double? value)
    {
        json.WritePropertyName(name);
        json.WriteFiniteValue(value);
    }

    /// <inheritdoc cref="WriteFinite(Utf8JsonWriter, string, double?)"/>
    internal static void WriteFiniteValue(this Utf8JsonWriter json, double? value)
    {
        if (value is { } number && double.IsFinite(number))
        {
            json.WriteNumberValue(number);
        }
        else
        {
            json.WriteNullValue();
        }
    }

    /// <summary>The same for a single-precision number, which reads back as the same 32 bits.</summary>
    internal static void WriteFiniteValue(this Utf8JsonWriter json, float value)
    {
        if (float.IsFinite(value))
        {
            json.WriteNumberValue(value);
        }
        else
        {
            json.WriteNullValue();
        }
    }
}
