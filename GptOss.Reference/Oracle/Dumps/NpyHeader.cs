using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using GptOss.Reference.Checkpoints.Safetensors;
using GptOss.Reference.Checkpoints.Storage;
using GptOss.Reference.Ground;

namespace GptOss.Reference.Oracle.Dumps;

/// <summary>The header of a <c>.npy</c> array: element type, shape, and where the data begin.</summary>
/// <remarks>Source: numpy, <c>numpy/lib/format.py</c>: magic, version, length, and a Python dictionary of descr, fortran_order and shape.</remarks>
/// <param name="Type">Element type.</param>
/// <param name="Shape">Sizes, outermost first.</param>
/// <param name="IsFortranOrder">Whether the first index runs fastest.</param>
/// <param name="Bytes">Bytes before the data.</param>
internal sealed partial record NpyHeader(DType Type, IReadOnlyList<long> Shape, bool IsFortranOrder, int Bytes)
{
    /// <summary>No header that numpy writes for a plain array is longer.</summary>
    internal const int MostBytes = 1 << 16;

    internal static ReadOnlySpan<byte> Magic => [0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y'];

    /// <summary>Reads the header of an array of <paramref name="length"/> bytes, header included, which must be exactly what the shape needs.</summary>
    /// <param name="start">The first bytes, as many as there are up to <see cref="MostBytes"/>.</param>
    /// <param name="length">Length of header and data.</param>
    /// <exception cref="UnreadMemberException">It is not such an array, or its elements are not read.</exception>
    internal static NpyHeader Parse(ReadOnlySpan<byte> start, long length)
    {
        if (start.Length < 10 || !start.StartsWith(Magic))
            throw Bad("does not begin as a .npy array");
        int version = start[6];
        int lengthBytes = version switch { 1 => 2, 2 or 3 => 4, _ => throw Bad($"is a .npy array of version {version}; expected 1, 2 or 3") };
        int at = 8 + lengthBytes;
        if (start.Length < at)
            throw Bad("ends inside its .npy header");
        long announced = version == 1 ? BinaryPrimitives.ReadUInt16LittleEndian(start[8..]) : BinaryPrimitives.ReadUInt32LittleEndian(start[8..]);
        if (announced > start.Length - at)
        {
            string limit = start.Length < MostBytes ? $"{start.Length - at} bytes follow" : $"at most {MostBytes} are read";
            throw Bad($"announces a .npy header of {announced} bytes; {limit}");
        }
        string text = Encoding.Latin1.GetString(start.Slice(at, (int)announced));
        at += (int)announced;

        string descr = Field(DescrPattern(), "descr");
        bool isFortranOrder = Field(FortranPattern(), "fortran_order") == "True";
        var shape = new List<long>();
        foreach (string size in Field(ShapePattern(), "shape").Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            shape.Add(long.TryParse(size.TrimEnd('L'), NumberStyles.None, CultureInfo.InvariantCulture, out long value) ? value
                : throw Bad($"has the size '{Printable.Clip(size)}' in its shape"));
        }
        DType type = TypeOf(descr) ?? throw Bad(descr is ['>', not ('U' or 'S' or 'O' or 'V'), ..]
            ? $"is big-endian ({Printable.Clip(descr)}); save x.astype(x.dtype.newbyteorder('<')) instead"
            : $"has elements of type '{Printable.Clip(descr)}'; expected float16, float32, float64, bfloat16 or integers");
        if (SafeTensorsRules.Bits(type, shape) is not { } bits || bits / 8 != length - at)
            throw Bad($"is {type} {Printable.Shape(shape)}, but {length - at} bytes of data follow its header");
        return new(type, shape, isFortranOrder, at);

        string Field(Regex pattern, string name) => pattern.Match(text) is { Success: true } match ? match.Groups[1].Value
            : throw Bad($"has a .npy header without a readable {name}");

        static UnreadMemberException Bad(string reason) => new(reason);
    }

    /// <summary>The array as a tensor.</summary>
    /// <param name="path">The file, for messages.</param>
    /// <param name="name">Its name.</param>
    /// <param name="bytes">Bytes of the file or entry, header included.</param>
    /// <exception cref="UnreadMemberException">It cannot be read row by row.</exception>
    internal DumpTensor Tensor(string path, string name, TensorBytes bytes)
    {
        int header = Bytes;
        ReadOnlySpan<byte> Data(long offset, int count) => bytes(header + offset, count);
        return IsFortranOrder ? DumpTensor.OfColumns(path, name, Type, Shape, Data) : new(path, name, Type, Shape, Data);
    }

    /// <summary>bfloat16 arrays of ml_dtypes are saved as two bytes of no type; other writers name the type.</summary>
    private static DType? TypeOf(string descr) => descr switch
    {
        "<f2" => DType.F16,
        "<f4" => DType.F32,
        "<f8" => DType.F64,
        "|V2" or "<V2" or "bfloat16" => DType.BF16,
        "|b1" => DType.BOOL,
        "|i1" => DType.I8,
        "|u1" => DType.U8,
        "<i2" => DType.I16,
        "<u2" => DType.U16,
        "<i4" => DType.I32,
        "<u4" => DType.U32,
        "<i8" => DType.I64,
        "<u8" => DType.U64,
        _ => null,
    };

    [GeneratedRegex("""['"]descr['"]\s*:\s*['"]([^'"]*)['"]""", RegexOptions.NonBacktracking)]
    private static partial Regex DescrPattern();

    [GeneratedRegex("""['"]fortran_order['"]\s*:\s*(True|False)""", RegexOptions.NonBacktracking)]
    private static partial Regex FortranPattern();

    [GeneratedRegex("""['"]shape['"]\s*:\s*\(([^()]*)\)""", RegexOptions.NonBacktracking)]
    private static partial Regex ShapePattern();
}
