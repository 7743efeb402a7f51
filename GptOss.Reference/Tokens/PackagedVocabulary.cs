using System.Buffers;
using System.Buffers.Text;
using System.Globalization;
using System.IO.Compression;
using System.Reflection;

namespace GptOss.Reference.Tokens;

/// <summary>o200k_harmony: the 199,998 tokens of o200k_base and 1,090 special ones, 201,088 ids in all.</summary>
/// <remarks>
/// The table is the one embedded in the package Microsoft.ML.Tokenizers.Data.O200kBase: deflate; a line <c>Capacity: N</c>; then one
/// token a line in base64, its rank being its place. Count and distinctness are checked on load; a test rebuilds the published
/// <c>o200k_base.tiktoken</c> from it and compares the SHA-256. Sources: <c>tiktoken_ext/openai_public.py</c>, <c>gpt_oss/tokenizer.py</c>.
/// </remarks>
internal static class PackagedVocabulary
{
    private const string Package = "Microsoft.ML.Tokenizers.Data.O200kBase";
    private const string Resource = "o200k_base.tiktoken.deflate";
    private const int OrdinaryCount = 199_998;
    private const int Count = 201_088;
    private const int TableBytes = 1 << 21;     // the tokens hold 1.3 MB

    private static readonly (int Id, string Name)[] Named =
    [
        (199998, "<|startoftext|>"), (199999, "<|endoftext|>"), (200002, "<|return|>"), (200003, "<|constrain|>"), (200005, "<|channel|>"),
        (200006, "<|start|>"), (200007, "<|end|>"), (200008, "<|message|>"), (200012, "<|call|>"),
    ];

    /// <summary>Reads the package's table.</summary>
    /// <exception cref="TokenizerFormatException">The package's table is not the published one.</exception>
    internal static (TokenTable Table, SpecialTokens Specials) Load() => (ReadTable(), MakeSpecials());

    private static SpecialTokens MakeSpecials()
    {
        string[] names = new string[Count - OrdinaryCount];
        for (int i = 0; i < names.Length; i++)
            names[i] = string.Create(CultureInfo.InvariantCulture, $"<|reserved_{OrdinaryCount + i}|>");
        foreach ((int id, string name) in Named)
            names[id - OrdinaryCount] = name;

        // tiktoken gives 200018 two names: its place in the reserved range, and the one that o200k_base had for it.
        return new SpecialTokens(OrdinaryCount, names, ("<|endofprompt|>", 200018));
    }

    private static TokenTable ReadTable()
    {
        using Stream packed = Assembly.Load(Package).GetManifestResourceStream(Resource)
            ?? throw Broken($"the resource {Resource} is missing");
        using var unpacked = new DeflateStream(packed, CompressionMode.Decompress);
        using var text = new MemoryStream(3 << 20);
        unpacked.CopyTo(text);
        ReadOnlySpan<byte> rest = text.GetBuffer().AsSpan(0, (int)text.Length);
        if (!rest.StartsWith("Capacity: "u8))
            throw Broken("expected a first line 'Capacity: N'");
        rest = rest[(rest.IndexOf((byte)'\n') + 1)..];

        byte[] bytes = new byte[TableBytes];
        var ranges = new TokenTable.Range32[OrdinaryCount];
        int count = 0, used = 0;
        while (!rest.IsEmpty)
        {
            int line = rest.IndexOf((byte)'\n');
            ReadOnlySpan<byte> encoded = (line < 0 ? rest : rest[..line]).TrimEnd((byte)'\r');
            rest = line < 0 ? [] : rest[(line + 1)..];
            if (encoded.IsEmpty)
                continue;
            if (count == ranges.Length)
                throw Broken($"expected {OrdinaryCount} tokens, found more");
            if (Base64.DecodeFromUtf8(encoded, bytes.AsSpan(used), out _, out int written) != OperationStatus.Done || written == 0)
                throw Broken($"token {count} is not base64");
            ranges[count++] = new TokenTable.Range32(used, written);
            used += written;
        }
        if (count != OrdinaryCount)
            throw Broken($"expected {OrdinaryCount} tokens, found {count}");
        if (!TokenTable.TryBuild(bytes, ranges, out TokenTable table, out (int First, int Second) same))
            throw Broken($"ids {same.First} and {same.Second} have the same bytes");
        if (table.FirstMissingByte() is >= 0 and int missing)
            throw Broken($"byte 0x{missing:X2} is not a token");
        return table;
    }

    private static TokenizerFormatException Broken(string what) => new($"{Package}: {what}.");
}
