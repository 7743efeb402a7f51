using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using GptOss.Reference.Checkpoints.Storage;
using GptOss.Reference.Ground;

namespace GptOss.Reference.Oracle.Dumps;

/// <summary>Tensors as JSON: nested arrays of numbers, or an object of them and of what else a program wrote beside them.</summary>
/// <remarks>
/// A reader of its own, because programs write the NaN and Infinity that JSON lacks and that matter most here; null is read as NaN. Memory is at most
/// about eight times the file.
/// </remarks>
internal static class JsonTensors
{
    private const int MostBytes = 512 << 20, MostDimensions = 8;
    private const string Rule = "dump-json";

    /// <summary>The tensors of a document.</summary>
    /// <param name="path">The file.</param>
    /// <param name="map">The same, mapped.</param>
    /// <param name="unread">Receives members that are not tensors.</param>
    /// <exception cref="CheckpointFormatException">It is not such a document.</exception>
    internal static List<DumpTensor> Read(string path, MappedFile map, List<UnreadMember> unread)
    {
        if (map.Length > MostBytes)
        {
            throw new CheckpointFormatException(path, Rule,
                $"the file is JSON of {map.Length} bytes; at most {MostBytes} are read. Save it as .npy or safetensors.");
        }
        var reader = new Reader(map.Span(0, (int)map.Length), path);
        return reader.Document(unread);
    }

    private ref struct Reader(ReadOnlySpan<byte> text, string path)
    {
        private readonly ReadOnlySpan<byte> _text = text;
        private int _leaf;                     // depth of this tensor's numbers; -1 where unknown
        private int _at = text.StartsWith("\uFEFF"u8) ? 3 : 0;

        internal List<DumpTensor> Document(List<UnreadMember> unread)
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
                        if (Member(name, unread) is { } tensor)
                            tensors.Add(tensor);
                    }
                    while (Skip(','));
                }
                Expect('}');
            }
            else
            {
                string name = Path.GetFileNameWithoutExtension(path);
                if (Member(name, unread) is { } tensor)
                    tensors.Add(tensor);
            }
            return Next() == 0 ? tensors : throw Bad("something follows the document");
        }

        /// <summary>A member that is a tensor; null, and passed over, where it is something else.</summary>
        private DumpTensor? Member(string name, List<UnreadMember> unread)
        {
            Next();
            int start = _at;
            try
            {
                return Tensor(name);
            }
            catch (UnreadMemberException e)
            {
                unread.Add(new(name, e.Message));
                _at = start;
                SkipValue();
                return null;
            }
        }

        /// <summary>Passes over any value; brackets are counted and not matched, because nothing of it is used.</summary>
        private void SkipValue()
        {
            int depth = 0;
            do
            {
                switch (Next())
                {
                    case 0:
                        throw Bad("the document ends early");
                    case '"':
                        SkipText();
                        break;
                    case '[' or '{':
                        depth++;
                        _at++;
                        break;
                    case ']' or '}' when depth > 0:
                        depth--;
                        _at++;
                        break;
                    case ',' or ':' when depth > 0:
                        _at++;
                        break;
                    default:
                        int start = _at;
                        SkipWord();
                        if (_at == start)
                            throw Bad("there is no value");
                        break;
                }
            }
            while (depth > 0);
        }

        private void SkipWord()
        {
            while (_at < _text.Length && (char.IsAsciiLetterOrDigit((char)_text[_at]) || _text[_at] is (byte)'-' or (byte)'+' or (byte)'.'))
                _at++;
        }

        private void SkipText()
        {
            for (_at++; _at < _text.Length && _text[_at] != '"'; _at++)
            {
                if (_text[_at] == '\\')
                    _at++;
            }
            if (_at >= _text.Length)
                throw Bad("a text has no end");
            _at++;
        }

        private DumpTensor Tensor(string name)
        {
            if (Next() != '[')
                throw new UnreadMemberException("is not an array; expected nested arrays of numbers");
            var shape = new List<long>();
            var values = new List<double>();
            _leaf = -1;
            Array(0, shape, values);
            return new(path, name, DType.F64, shape, (offset, count) =>
                MemoryMarshal.AsBytes(CollectionsMarshal.AsSpan(values).Slice((int)(offset / sizeof(double)), count / sizeof(double))));
        }

        /// <summary>One array: its length is the first's at its depth, or fixes it; numbers occur at one depth only.</summary>
        private void Array(int depth, List<long> shape, List<double> values)
        {
            if (depth == MostDimensions)
                throw new UnreadMemberException($"has more than {MostDimensions} dimensions");
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
                            throw Ragged();
                        Array(depth + 1, shape, values);
                    }
                    else
                    {
                        RequireLeaf(depth);
                        values.Add(Number());
                    }
                }
                while (Skip(','));
            }
            else
            {
                RequireLeaf(depth);
            }
            Expect(']');
            if (first)
                shape[depth] = count;
            else if (shape[depth] != count)
                throw Ragged();
        }

        private void RequireLeaf(int depth)
        {
            if (_leaf >= 0 && _leaf != depth)
                throw Ragged();
            _leaf = depth;
        }

        private static UnreadMemberException Ragged() => new("is not a tensor: its arrays differ in length or depth");

        private double Number()
        {
            int start = _at;
            if (Next() is '"' or '{' || "tf"u8.Contains((byte)Next()))
                throw new UnreadMemberException("holds something other than numbers");
            SkipWord();
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
            SkipText();
            try
            {
                var reader = new Utf8JsonReader(_text[start.._at]);
                reader.Read();
                return reader.GetString()!;
            }
            catch (Exception e) when (e is JsonException or InvalidOperationException)
            {
                _at = start;
                throw Bad("a name is not valid text");
            }
        }

        private void Expect(char wanted)
        {
            if (Next() != wanted)
                throw Bad(_at >= _text.Length ? $"the document ends early; expected '{wanted}'" : $"expected '{wanted}'");
            _at++;
        }

        /// <summary>The next character that is not white space; 0 at the end.</summary>
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
