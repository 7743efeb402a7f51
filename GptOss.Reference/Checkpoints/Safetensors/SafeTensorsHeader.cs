using System.Text.Json;
using System.Text.Unicode;
using GptOss.Reference.Checkpoints.Storage;
using GptOss.Reference.Ground;

namespace GptOss.Reference.Checkpoints.Safetensors;

/// <summary>Reads the JSON header of a safetensors file: rule 4 of the format. Iterative, and bounded by the header's own length.</summary>
/// <remarks>Source: huggingface/safetensors, <c>README.md</c> and <c>safetensors/src/tensor.rs</c> (<c>Metadata</c>).</remarks>
internal static class SafeTensorsHeader
{
    internal const string MetadataKey = "__metadata__";

    // A header needs depth 3; more is only met inside unknown fields, which are skipped.
    private static readonly JsonReaderOptions Options = new() { MaxDepth = 16 };

    internal readonly record struct Content(List<TensorInfo> Tensors, Dictionary<string, string> Metadata);

    /// <summary>Names, dtypes, shapes and offsets as written, in header order; offsets are not yet checked against anything.</summary>
    /// <exception cref="CheckpointFormatException">header-utf8, header-start, header-json or duplicate-tensor.</exception>
    internal static Content Parse(ReadOnlySpan<byte> header, string path)
    {
        if (!Utf8.IsValid(header))
            throw new CheckpointFormatException(path, "header-utf8", "the header is not valid UTF-8.");
        if (header.IsEmpty || header[0] != (byte)'{')
        {
            throw new CheckpointFormatException(path, "header-start",
                header.IsEmpty ? "the header is empty; expected a JSON object."
                : $"the header begins with byte 0x{header[0]:X2}; expected '{{' (0x7B).");
        }
        var reader = new Utf8JsonReader(header, Options);
        try
        {
            return new Parser(path).Root(ref reader);
        }
        catch (JsonException e)
        {
            throw new CheckpointFormatException(path, "header-json", $"the header is not valid JSON near header byte {reader.BytesConsumed}.", e);
        }
        catch (InvalidOperationException e)        // a \u escape that is half of a surrogate pair
        {
            throw new CheckpointFormatException(path, "header-json",
                $"the header holds text that is not Unicode near header byte {reader.BytesConsumed}.", e);
        }
    }

    private readonly struct Parser(string path)
    {
        internal Content Root(ref Utf8JsonReader reader)
        {
            var content = new Content([], new Dictionary<string, string>(StringComparer.Ordinal));
            var seen = new HashSet<string>(StringComparer.Ordinal);
            reader.Read();                                                     // '{', checked by the caller
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                string name = reader.GetString()!;
                if (!seen.Add(name))
                    throw new CheckpointFormatException(path, "duplicate-tensor", $"'{Printable.Clip(name)}' occurs twice in the header.");
                if (name == MetadataKey)
                    Metadata(ref reader, content.Metadata);
                else
                    content.Tensors.Add(Tensor(ref reader, name));
            }
            while (reader.Read())
            {
            }                                          // only padding may follow; anything else throws
            return content;
        }

        private void Metadata(ref Utf8JsonReader reader, Dictionary<string, string> metadata)
        {
            reader.Read();
            if (reader.TokenType != JsonTokenType.StartObject)
                throw Bad($"{MetadataKey} is {JsonKind.Of(reader.TokenType)}; expected an object of strings.");
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                string key = reader.GetString()!;
                reader.Read();
                if (reader.TokenType != JsonTokenType.String)
                    throw Bad($"{MetadataKey} '{Printable.Clip(key)}' is {JsonKind.Of(reader.TokenType)}; expected a string.");
                if (!metadata.TryAdd(key, reader.GetString()!))
                    throw Bad($"{MetadataKey} '{Printable.Clip(key)}' occurs twice.");
            }
        }

        private TensorInfo Tensor(ref Utf8JsonReader reader, string name)
        {
            DType? dtype = null;
            List<long>? shape = null, offsets = null;
            reader.Read();
            if (reader.TokenType != JsonTokenType.StartObject)
                throw Bad(name, $"is {JsonKind.Of(reader.TokenType)}; expected an object");
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                if (reader.ValueTextEquals("dtype"u8))
                {
                    Once(dtype is null, name, "dtype");
                    dtype = Type(ref reader, name);
                }
                else if (reader.ValueTextEquals("shape"u8))
                {
                    Once(shape is null, name, "shape");
                    shape = Integers(ref reader, name, "shape");
                }
                else if (reader.ValueTextEquals("data_offsets"u8))
                {
                    Once(offsets is null, name, "data_offsets");
                    offsets = Integers(ref reader, name, "data_offsets");
                }
                else
                {
                    reader.Skip();                                             // the published parser ignores unknown fields too
                }
            }
            if (dtype is null || shape is null || offsets is null)
                throw Bad(name, $"has no {(dtype is null ? "dtype" : shape is null ? "shape" : "data_offsets")}");
            if (offsets.Count != 2)
                throw Bad(name, $"has {offsets.Count} data_offsets; expected 2");
            return new TensorInfo(name, dtype.Value, shape.ToArray(), offsets[0], offsets[1]);
        }

        private DType Type(ref Utf8JsonReader reader, string name)
        {
            reader.Read();
            if (reader.TokenType != JsonTokenType.String)
                throw Bad(name, $"has a dtype that is {JsonKind.Of(reader.TokenType)}; expected a string");
            string text = reader.GetString()!;
            return DTypes.TryParse(text, out DType dtype) ? dtype : throw Bad(name, $"has the unknown dtype '{Printable.Clip(text)}'");
        }

        private List<long> Integers(ref Utf8JsonReader reader, string name, string field)
        {
            reader.Read();
            if (reader.TokenType != JsonTokenType.StartArray)
                throw Bad(name, $"has a {field} that is {JsonKind.Of(reader.TokenType)}; expected a list of integers");
            var values = new List<long>(4);
            while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
            {
                // A minus sign is refused by itself: -0 is not a count.
                if (reader.TokenType != JsonTokenType.Number || reader.ValueSpan[0] == (byte)'-' || !reader.TryGetInt64(out long value))
                    throw Bad(name, $"has a value in its {field} that is not an integer from 0 to {long.MaxValue}");
                values.Add(value);
            }
            return values;
        }

        private void Once(bool first, string name, string field)
        {
            if (!first)
                throw Bad(name, $"has two fields named {field}");
        }

        private CheckpointFormatException Bad(string name, string what) => Bad($"tensor '{Printable.Clip(name)}' {what}.");

        private CheckpointFormatException Bad(string sentence) => new(path, "header-json", sentence);
    }
}
