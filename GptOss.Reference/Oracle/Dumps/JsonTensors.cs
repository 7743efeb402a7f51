using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using GptOss.Reference.Checkpoints.Storage;
using GptOss.Reference.Ground;

namespace GptOss.Reference.Oracle.Dumps;

/// <summary>Tensors as JSON: nested arrays of numbers, or an object of them.</summary>
/// <remarks>
/// A reader of its own, because programs write the NaN and Infinity that JSON lacks and that matter most here; null is read as NaN. Memory is at most about
/// eight times the file.
/// </remarks>
internal static class JsonTensors
{
    private const int MostBytes = 512 << 20, MostDimensions = 8;
    private const string Rule = "dump-json";

    internal static List<DumpTensor> Read(string path, MappedFile map)
    {
        if (map.Length > MostBytes)
            throw new CheckpointFormatException(path, Rule, $"the file is JSON of {map.Length} bytes; at most {MostBytes} are read. Save it as .npy or safetensors.");
        var reader = new Reader(map.Span(0, (int)map.Length), path);
        return reader.Document();
    }

    private ref struct Reader(ReadOnlySpan<byte> text, string path)
    {
        private readonly ReadOnlySpan<byte> _text = text;
        private int _leaf;                     // depth at which the numbers of this tensor stand; -1 where unknown
        private int _at = text.StartsWith("\uFEFF"u8) ? 3 : 0;

        internal List<DumpTensor> Document()
        {
            var tensors = new List<DumpTensor>();
            if (Next() == '{')
            {
                var names = new HashSet<string>(StringComparer.Ordinal);
                _at++;
                if (Next() != '}')
                {
                    do
                    {
                        string name = Name();
                        if (!names.Add(name))
                            throw Bad($"'{Printable.Clip(name)}' occurs twice");
                        Expect(':');
                        tensors.Add(Tensor(name));
                    }
                    while (Skip(','));
                }
                Expect('}');
            }
            else
            {
                tensors.Add(Tensor(Path.GetFileNameWithoutExtension(path)));
            }
            return Next() == 0 ? tensors : throw Bad("something follows the document");
        }

        private DumpTensor Tensor(string name)
        {
            if (Next() != '[')
                throw Bad($"'{Printable.Clip(name)}' is no array; expected nested arrays of numbers");
            var shape = new List<long>();
            var values = new List<double>();
            _leaf = -1;
            Array(0, shape, values, name);
            return new(path, name, DType.F64, shape, (offset, count) =>
                MemoryMarshal.AsBytes(CollectionsMarshal.AsSpan(values).Slice((int)(offset / sizeof(double)), count / sizeof(double))));
        }

        /// <summary>One array: its length is the first's at its depth, or fixes it; numbers stand at one depth only.</summary>
        private void Array(int depth, List<long> shape, List<double> values, string name)
        {
            if (depth == MostDimensions)
                throw Bad($"'{Printable.Clip(name)}' has more than {MostDimensions} dimensions");
            bool first = shape.Count == depth;
            if (first)
                shape.Add(-1);
            long count = 0;
            _at++;
            if (Next() != ']')
            {
                do
                {
                    count++;
                    if (Next() == '[')
                    {
                        if (_leaf >= 0 && depth >= _leaf)
                            throw Ragged(name);
                        Array(depth + 1, shape, values, name);
                    }
                    else
                    {
                        RequireLeaf(depth, name);
                        values.Add(Number());
                    }
                }
                while (Skip(','));
            }
            else
            {
                RequireLeaf(depth, name);
            }
            Expect(']');
            if (first)
                shape[depth] = count;
            else if (shape[depth] != count)
                throw Ragged(name);
        }

        private void RequireLeaf(int depth, string name)
        {
            if (_leaf >= 0 && _leaf != depth)
                throw Ragged(name);
            _leaf = depth;
        }

        private readonly CheckpointFormatException Ragged(string name) =>
            new(path, Rule, $"'{Printable.Clip(name)}' is no tensor: its arrays differ in length or depth.");

        private double Number()
        {
            int start = _at;
            while (_at < _text.Length && (char.IsAsciiLetterOrDigit((char)_text[_at]) || _text[_at] is (byte)'-' or (byte)'+' or (byte)'.'))
                _at++;
            ReadOnlySpan<byte> token = _text[start.._at];
            if (token.SequenceEqual("null"u8))
                return double.NaN;
            const NumberStyles styles = NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent;
            if (double.TryParse(token, styles, CultureInfo.InvariantCulture, out double value))
                return value;
            _at = start;
            throw Bad("there is no number");
        }

        private string Name()
        {
            if (Next() != '"')
                throw Bad("there is no name");
            int start = _at;
            for (_at++; _at < _text.Length && _text[_at] != '"'; _at++)
            {
                if (_text[_at] == '\\')
                    _at++;
            }
            if (_at >= _text.Length)
                throw Bad("a name has no end");
            _at++;
            try
            {
                var reader = new Utf8JsonReader(_text[start.._at]);
                reader.Read();
                return reader.GetString()!;
            }
            catch (Exception e) when (e is JsonException or InvalidOperationException)
            {
                _at = start;
                throw Bad("a name is no valid text");
            }
        }

        private void Expect(char wanted)
        {
            if (Next() != wanted)
                throw Bad(_at >= _text.Length ? $"the document ends early; expected '{wanted}'" : $"expected '{wanted}'");
            _at++;
        }

        /// <summary>The next character that is no white space; 0 at the end.</summary>
        private int Next()
        {
            while (_at < _text.Length && _text[_at] is (byte)' ' or (byte)'\t' or (byte)'\r' or (byte)'\n')
                _at++;
            return _at < _text.Length ? _text[_at] : 0;
        }

        private bool Skip(char wanted)
        {
            bool found = Next() == wanted;
            if (found)
                _at++;
            return found;
        }

        private readonly CheckpointFormatException Bad(string what)
        {
            int end = Math.Min(_at, _text.Length);
            int line = _text[..end].Count((byte)'\n') + 1, column = end - _text[..end].LastIndexOf((byte)'\n');
            return new(path, Rule, $"the document is not what was expected at line {line}, byte {column}: {what}.");
        }
    }
}
