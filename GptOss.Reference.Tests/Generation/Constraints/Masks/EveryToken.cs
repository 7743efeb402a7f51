using GptOss.Reference.Generation.Constraints.Grammar;
using GptOss.Reference.Generation.Constraints.Masks;
using GptOss.Reference.Tokens;
using Xunit;

namespace GptOss.Reference.Tests.Generation.Constraints.Masks;

/// <summary>Masks by the definition: every token of the vocabulary, one after the other, byte by byte.</summary>
internal static class EveryToken
{
    internal static readonly Tokenizer O200k = Tokenizer.O200kHarmony;

    private static readonly Vocabulary Vocabulary = Vocabulary.Of(O200k);

    /// <summary>Requires that a mask holds the tokens whose bytes the readings take, and no others.</summary>
    internal static void Require(ReadOnlySpan<Config> configs, ulong[] mask, string about)
    {
        var wrong = new List<string>();
        bool[] begins = [.. FirstBytes(configs)];
        for (int id = 0; id < O200k.Count && wrong.Count < 10; id++)
        {
            bool isAllowed = Vocabulary.IsText(id) && O200k.TokenBytes(id).Span is var bytes && begins[bytes[0]] && Takes(configs, bytes);
            if (isAllowed != ((mask[id / 64] >> id & 1) != 0))
                wrong.Add($"{(isAllowed ? "lacks" : "holds")} {id} {O200k.Decode([id])}");
        }
        Assert.True(wrong.Count == 0, $"After {about} the mask {string.Join(", ", wrong)}.");
    }

    private static List<bool> FirstBytes(ReadOnlySpan<Config> configs)
    {
        var begins = new List<bool>();
        for (int value = 0; value < 256; value++)
            begins.Add(Takes(configs, [(byte)value]));
        return begins;
    }

    private static bool Takes(ReadOnlySpan<Config> configs, ReadOnlySpan<byte> bytes)
    {
        ConfigSet now = new(), next = new();
        foreach (Config config in configs)
            now.Add(config);
        for (int i = 0; i < bytes.Length && now.Count > 0; i++)
        {
            next.Clear();
            foreach (Config config in now.Configs)
                Machine.Step(config, bytes[i], next);
            (now, next) = (next, now);
        }
        return now.Count > 0;
    }
}
