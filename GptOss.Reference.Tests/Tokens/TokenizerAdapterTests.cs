using System.Buffers;
using System.Text;
using GptOss.Reference.Tokens;
using Microsoft.ML.Tokenizers;
using Xunit;

namespace GptOss.Reference.Tests.Tokens;

public sealed class TokenizerAdapterTests
{
    private static readonly GptOss.Reference.Tokens.Tokenizer Own = GptOss.Reference.Tokens.Tokenizer.O200kHarmony;
    private static readonly TokenizerAdapter Adapter = new(Own);

    public static TheoryData<string> Texts =>
    [
        "", " ", "What is the capital of Norway?", "<|start|>system<|end|>", "\r\n\t\u0000", "naïve café, ÅÄÖ",
        "漢字とかな交じり文", "👩‍👩‍👧‍👦 family 🇳🇴🇫🇷 flags 🏴‍☠️",
        "lone \ud83d surrogate \ude00", "꧁꧂ ͓̽b͓̽l͓̽u͓̽r͓̽", .. Enumerable.Range(0, 60).Select(Random),
    ];

    [Theory, MemberData(nameof(Texts))]
    public void Ids_and_counts_are_those_of_our_own(string text)
    {
        int[] ids = Own.Encode(text);
        Assert.Equal(ids, Adapter.EncodeToIds(text));
        Assert.Equal(ids, Adapter.EncodeToIds(text.AsSpan()));
        Assert.Equal(ids.Length, Adapter.CountTokens(text));
        Assert.Equal(Own.Decode(ids), Adapter.Decode(ids));
    }

    [Theory, MemberData(nameof(Texts))]
    public void Places_cover_the_text_and_hold_what_the_token_says(string text)
    {
        IReadOnlyList<EncodedToken> tokens = Adapter.EncodeToTokens(text, out string? normalized);
        Assert.Null(normalized);
        int end = 0;
        foreach (EncodedToken token in tokens)
        {
            Assert.InRange(token.Offset.Start.Value, 0, end);
            Assert.True(token.Offset.End.Value >= end);
            Assert.Equal(text[token.Offset], token.Value);
            string decoded = Own.Decode([token.Id]);
            if (!decoded.Contains('\ufffd', StringComparison.Ordinal))
                Assert.Equal(decoded, token.Value);
            end = token.Offset.End.Value;
        }

        Assert.Equal(text.Length, end);
    }

    [Theory, MemberData(nameof(Texts))]
    public void A_text_is_cut_to_a_count_between_characters(string text)
    {
        int all = Adapter.CountTokens(text);
        for (int most = 1; most <= all; most++)
        {
            int index = Adapter.GetIndexByTokenCount(text, most, out _, out int count);
            Assert.InRange(count, Math.Max(0, most - 3), most);
            Assert.Equal(count, Adapter.EncodeToIds(text, most, out _, out int chars).Count);
            Assert.Equal(index, chars);
            Assert.Equal(Own.Decode(Own.Encode(text).AsSpan(0, count)), WellFormed(text[..index]));
            index = Adapter.GetIndexByTokenCountFromEnd(text, most, out _, out count);
            Assert.InRange(count, Math.Max(0, most - 3), most);
            Assert.Equal(Own.Decode(Own.Encode(text).AsSpan(all - count)), WellFormed(text[index..]));
        }
    }

    [Theory, MemberData(nameof(Texts))]
    public void Decoding_into_a_span_stops_between_characters_and_goes_on_from_there(string text)
    {
        int[] ids = Own.Encode(text);
        for (int room = 8; room < 40; room += 31)
        {
            string decoded = "";
            char[] buffer = new char[room];
            OperationStatus status = OperationStatus.DestinationTooSmall;
            for (int at = 0; status == OperationStatus.DestinationTooSmall;)
            {
                status = Adapter.Decode(ids.Skip(at), buffer, out int consumed, out int written);
                if (consumed == 0 && status != OperationStatus.Done)
                {
                    buffer = new char[buffer.Length * 2];                // a token longer than the room
                    continue;
                }

                decoded += new string(buffer, 0, written);
                at += consumed;
            }

            Assert.Equal(OperationStatus.Done, status);
            Assert.Equal(Own.Decode(ids), decoded);
        }
    }

    private static string WellFormed(string text) => Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text));

    private static string Random(int seed)
    {
        var random = new Random(seed);
        return string.Concat(Enumerable.Range(0, random.Next(1, 40)).Select(_ => random.Next(5) switch
        {
            0 => char.ConvertFromUtf32(random.Next(0x1F300, 0x1FAFF)),
            1 => char.ConvertFromUtf32(random.Next(0x4E00, 0x9FFF)),
            2 => ((char)random.Next(0x20, 0x7F)).ToString(),
            3 => char.ConvertFromUtf32(random.Next(0xA0, 0x2FF)),
            _ => " word",
        }));
    }
}
