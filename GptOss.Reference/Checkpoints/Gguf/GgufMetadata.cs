using System.Buffers.Binary;
using System.Text;
using System.Text.Unicode;
using GptOss.Reference.Checkpoints.Storage;
using GptOss.Reference.Ground;

namespace GptOss.Reference.Checkpoints.Gguf;

/// <summary>The key-value pairs of a GGUF file. Values stay in the mapped file; their types and extents have been checked.</summary>
internal sealed class GgufMetadata
{
    private const long LargestArray = 1 << 30;
    private const int Boolean = 7, String = 8, Array = 9;

    private static readonly int[] Sizes = [1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8];
    private static readonly string[] TypeNames = ["u8", "i8", "u16", "i16", "u32", "i32", "f32", "bool", "string", "array", "u64", "i64", "f64"];

    private readonly MappedFile _map;
    private readonly Dictionary<string, Value> _values = new(StringComparer.Ordinal);

    /// <param name="Type">Value type, or that of an array's elements.</param>
    /// <param name="IsArray">Whether there are <paramref name="Count"/> of them.</param>
    /// <param name="Count">Elements; 1 without an array.</param>
    /// <param name="Offset">Where the first begins in the file.</param>
    private readonly record struct Value(int Type, bool IsArray, long Count, long Offset);

    private GgufMetadata(MappedFile map) => _map = map;

    internal string Path => _map.Path;

    /// <summary>Reads <paramref name="count"/> pairs.</summary>
    /// <exception cref="CheckpointFormatException">A pair breaks a rule of the format.</exception>
    internal static GgufMetadata Read(MappedFile map, ref GgufCursor cursor, long count)
    {
        var metadata = new GgufMetadata(map);
        for (long pair = 0; pair < count; pair++)
        {
            string key = cursor.Key(pair);
            string shown = $"'{Printable.Clip(key)}'";
            uint type = cursor.UInt32($"the value type of {shown}");
            if (!metadata._values.TryAdd(key, ReadValue(ref cursor, type, shown)))
                throw cursor.Broken("gguf-key", $"the metadata key {shown} is there twice.");
        }
        return metadata;
    }

    private static Value ReadValue(ref GgufCursor cursor, uint type, string key)
    {
        if (type > 12)
            throw cursor.Broken("gguf-type", $"the key {key} has value type {type}; types go from 0 to 12.");
        if (type == String)
        {
            int length = cursor.StringLength(key);
            var value = new Value(String, false, 1, cursor.Position - sizeof(ulong));
            cursor.Skip(length);
            return value;
        }
        if (type != Array)
        {
            var value = new Value((int)type, false, 1, cursor.Position);
            RequireBoolean(ref cursor, (int)type, cursor.Take(Sizes[type], key), key);
            return value;
        }
        uint element = cursor.UInt32($"the element type of {key}");
        ulong count = cursor.UInt64($"the number of elements of {key}");
        if (element == Array)
            throw cursor.Broken("gguf-type", $"the key {key} has an array nested in an array, which no model needs.");
        if (element > 12)
            throw cursor.Broken("gguf-type", $"the key {key} has element type {element}; value types go from 0 to 12.");
        int smallest = element == String ? sizeof(ulong) : Sizes[element];
        if (count > LargestArray || (long)count > cursor.Left / smallest)
            throw cursor.Broken("gguf-array", $"the key {key} is an array with a count of {count} elements; {cursor.Left} bytes are left.");
        var array = new Value((int)element, true, (long)count, cursor.Position);
        if (element == String)
        {
            for (long i = 0; i < array.Count; i++)
                cursor.Skip(cursor.StringLength(key));
            return array;
        }
        if (element == Boolean)
            RequireBoolean(ref cursor, Boolean, cursor.Take((int)count, key), key);
        else
            cursor.Skip(array.Count * smallest);
        return array;
    }

    private static void RequireBoolean(ref GgufCursor cursor, int type, ReadOnlySpan<byte> bytes, string key)
    {
        if (type == Boolean && bytes.ContainsAnyExceptInRange((byte)0, (byte)1))
            throw cursor.Broken("gguf-bool", $"the key {key} has a bool other than 0 and 1.");
    }

    internal bool Has(string key) => _values.ContainsKey(key);

    /// <summary>The text under a key; null where it is not there.</summary>
    internal string? Text(string key)
    {
        if (!_values.TryGetValue(key, out Value value))
            return null;
        if (value.Type != String || value.IsArray)
            throw Bad($"{key} is {Kind(value)}; expected a string.");
        return TextAt(value.Offset, out _) ?? throw Bad($"{key} is not valid UTF-8.");
    }

    /// <summary>The integer under a key; null where it is not there. A list of equal numbers counts as that number.</summary>
    internal int? Integer(string key, int min, int max)
    {
        if (!_values.TryGetValue(key, out Value value))
            return null;
        if (value.Type is 6 or Boolean or String or 12 || value.Count == 0)
            throw Bad($"{key} is {Kind(value)}; expected an integer from {min} to {max}.");
        Int128 number = WholeAt(value, 0);
        for (long i = 1; i < value.Count; i++)
        {
            if (WholeAt(value, i) != number)
                throw Bad($"{key} is a list of different numbers; gpt-oss has one for all layers.");
        }
        return number >= min && number <= max ? (int)number : throw Bad($"{key} is {number}; expected an integer from {min} to {max}.");
    }

    /// <summary>The number under a key; null where it is not there. Finite and above a bound as float32.</summary>
    internal float? Real(string key, float above)
    {
        if (!_values.TryGetValue(key, out Value value))
            return null;
        if (value.IsArray || value.Type is Boolean or String)
            throw Bad($"{key} is {Kind(value)}; expected a number.");
        ReadOnlySpan<byte> bytes = _map.Span(value.Offset, Sizes[value.Type]);
        float number = value.Type switch
        {
            6 => BinaryPrimitives.ReadSingleLittleEndian(bytes),
            12 => (float)BinaryPrimitives.ReadDoubleLittleEndian(bytes),
            _ => (float)WholeAt(value, 0),
        };
        return float.IsFinite(number) && number > above ? number : throw Bad($"{key} is {number}; expected a finite number above {above}.");
    }

    /// <summary>Whether a key is an unsigned 32-bit number, as alignment must be.</summary>
    internal bool IsUInt32(string key) => _values.TryGetValue(key, out Value value) && value is { Type: 4, IsArray: false };

    /// <summary>Whether a key is a list.</summary>
    internal bool IsArray(string key) => _values.TryGetValue(key, out Value value) && value.IsArray;

    /// <summary>The truth values of a list.</summary>
    internal bool[] Booleans(string key, int count, string perWhat)
    {
        Value value = _values[key];
        if (value.Type != Boolean || !value.IsArray || value.Count != count)
            throw Bad($"{key} is {Kind(value)}; expected {count} of bool, {perWhat}.");
        return [.. _map.Span(value.Offset, count).ToArray().Select(b => b == 1)];
    }

    /// <summary>The integers of a list; null where the key is not there.</summary>
    internal long[]? Integers(string key)
    {
        if (!_values.TryGetValue(key, out Value value))
            return null;
        if (value.Type is 6 or Boolean or String or 12 || !value.IsArray)
            throw Bad($"{key} is {Kind(value)}; expected a list of integers.");
        var numbers = new long[value.Count];
        for (long i = 0; i < numbers.Length; i++)
            numbers[i] = (long)Int128.Clamp(WholeAt(value, i), long.MinValue, long.MaxValue);
        return numbers;
    }

    /// <summary>Elements of a list of strings; null where the key is not there.</summary>
    internal long? Strings(string key)
    {
        if (!_values.TryGetValue(key, out Value value))
            return null;
        return value.Type == String && value.IsArray ? value.Count : throw Bad($"{key} is {Kind(value)}; expected a list of strings.");
    }

    /// <summary>Calls <paramref name="each"/> with the bytes of every string of a list, in order.</summary>
    internal void ForEachString(string key, Action<long, ReadOnlySpan<byte>> each)
    {
        Value value = _values[key];
        long at = value.Offset;
        for (long i = 0; i < value.Count; i++)
        {
            int length = (int)BinaryPrimitives.ReadUInt64LittleEndian(_map.Span(at, sizeof(ulong)));
            each(i, _map.Span(at + sizeof(ulong), length));
            at += sizeof(ulong) + length;
        }
    }

    internal CheckpointFormatException Bad(string sentence) => new(_map.Path, "gguf-metadata", sentence);

    private string? TextAt(long offset, out int length)
    {
        length = (int)BinaryPrimitives.ReadUInt64LittleEndian(_map.Span(offset, sizeof(ulong)));
        ReadOnlySpan<byte> bytes = _map.Span(offset + sizeof(ulong), length);
        return Utf8.IsValid(bytes) ? Encoding.UTF8.GetString(bytes) : null;
    }

    private Int128 WholeAt(Value value, long index)
    {
        ReadOnlySpan<byte> bytes = _map.Span(value.Offset + index * Sizes[value.Type], Sizes[value.Type]);
        return value.Type switch
        {
            0 => bytes[0],
            1 => (sbyte)bytes[0],
            2 => BinaryPrimitives.ReadUInt16LittleEndian(bytes),
            3 => BinaryPrimitives.ReadInt16LittleEndian(bytes),
            4 => BinaryPrimitives.ReadUInt32LittleEndian(bytes),
            5 => BinaryPrimitives.ReadInt32LittleEndian(bytes),
            10 => BinaryPrimitives.ReadUInt64LittleEndian(bytes),
            _ => BinaryPrimitives.ReadInt64LittleEndian(bytes),
        };
    }

    private static string Kind(Value value) => value.IsArray ? $"a list of {value.Count} {TypeNames[value.Type]}" : $"a value of type {TypeNames[value.Type]}";
}
