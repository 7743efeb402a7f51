using System.Buffers;
using System.Text.Json;
using GptOss.Reference.Ground;

namespace GptOss.Reference.Oracle.Routing;

/// <summary>Writes routing as JSON lines, one a token, as <see cref="RoutingReplay"/> reads them.</summary>
/// <remarks>
/// <para>
/// <c>{"position": 0, "id": 17, "experts": [[3, 1], …], "weights": [[0.7, 0.3], …], "margins": [0.25, …], "next": [6, …]}</c>: each list has an entry
/// for every layer; experts are listed best first. Numbers are the shortest decimals that read back as the same float32.
/// </para>
/// <para><c>margins</c> and <c>next</c> are null where every expert is chosen, and so is what is not a number.</para>
/// </remarks>
/// <param name="stream">Receives the lines; the caller closes it.</param>
internal sealed class RoutingWriter(Stream stream)
{
    private const int BufferBytes = 1 << 16;
    private readonly ArrayBufferWriter<byte> _buffer = new(2 * BufferBytes);

    /// <summary>Adds one line.</summary>
    /// <exception cref="IOException">The stream cannot be written.</exception>
    public void Add(RoutedToken token)
    {
        ArgumentNullException.ThrowIfNull(token);
        using (var json = new Utf8JsonWriter(_buffer))
            Write(json, token);
        _buffer.Write("\n"u8);
        if (_buffer.WrittenCount >= BufferBytes)
            Flush();
    }

    /// <summary>Hands the last lines to the stream.</summary>
    /// <exception cref="IOException">The stream cannot be written.</exception>
    public void Flush()
    {
        stream.Write(_buffer.WrittenSpan);
        _buffer.ResetWrittenCount();
    }

    private static void Write(Utf8JsonWriter json, RoutedToken token)
    {
        json.WriteStartObject();
        json.WriteNumber("position", token.Position);
        json.WriteNumber("id", token.Id);
        json.WriteStartArray("experts");
        for (int layer = 0; layer < token.Layers; layer++)
        {
            json.WriteStartArray();
            foreach (int expert in token.Experts(layer))
                json.WriteNumberValue(expert);
            json.WriteEndArray();
        }
        json.WriteEndArray();
        json.WriteStartArray("weights");
        for (int layer = 0; layer < token.Layers; layer++)
        {
            json.WriteStartArray();
            foreach (float weight in token.Weights(layer))
                json.WriteFiniteValue(weight);
            json.WriteEndArray();
        }
        json.WriteEndArray();
        json.WriteStartArray("margins");
        for (int layer = 0; layer < token.Layers; layer++)
            json.WriteFiniteValue(token.Margin(layer));
        json.WriteEndArray();
        json.WriteStartArray("next");
        for (int layer = 0; layer < token.Layers; layer++)
        {
            if (token.RunnerUp(layer) is >= 0 and int next)
                json.WriteNumberValue(next);
            else
                json.WriteNullValue();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    }
}
