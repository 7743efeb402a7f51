using System.Text;
using GptOss.Reference.Generation;
using GptOss.Reference.Generation.Constraints;
using GptOss.Reference.Tokens;
using Xunit;

namespace GptOss.Reference.Tests.Generation.Constraints.Masks;

public class MaskBuilderTests
{
    private static readonly Tokenizer O200k = EveryToken.O200k;

    /// <summary>Schemas, and texts after which the mask is looked at; some keys and items end inside tokens that hold their quote.</summary>
    public static TheoryData<string, string[]> Begun => new()
    {
        { """{"type": "object"}""", ["", "{", "{\"", "{\"=\":1,\"", "{\"a=\":1,\"=\":2,\"a", "{\"a=\":1,\"=\":2,\"(\":3,\".\":4,\"", "{\"\":0,\""] },
        { """{"additionalProperties": {"type": "integer"}, "type": "object", "properties": {"=": {"type": "null"}, "b.": true}}""",
            ["{\"", "{\"=\":null,\"", "{\"b", "{\"x=\":1,\"b", "{\"x=\":1,\"x"] },
        { """{"type": "object", "patternProperties": {"^[a-c]{1,2}$": {"type": "integer"}}, "additionalProperties": false}""",
            ["{\"", "{\"a\":1,\"", "{\"a\":1,\"aa\":1,\"ab\":1,\"", "{\"aa\":1,\"ab\":1,\"ac\":1,\"a", "{\"a\":1,\"aa\":1,\"ab\":1,\"ac\":1,\""] },
        { """{"type": "array", "items": {"type": "string"}, "uniqueItems": true}""", ["[", "[\"=\",", "[\"=\",\"", "[\"a=\", \"=\", \"a", "[\"\","] },
        { """{"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 12}, "uniqueItems": true}""",
            ["[", "[1,", "[10,11,12,1", "[1,10,11,1", "[0,1,2,3,4,5,6,7,8,9,10,11,", "[1,2"] },
        { """{"type": "array", "items": {"enum": ["=", "a", 1, 12, true]}, "uniqueItems": true}""", ["[", "[\"=\",", "[12,", "[\"a\",\"", "[12,1"] },
        { """{"type": "string", "pattern": "^(ab|é)+$", "maxLength": 7}""", ["", "\"", "\"a", "\"ababab", "\"éé"] },
        { """{"type": "string", "minLength": 3, "maxLength": 12}""", ["", "\"", "\"ab", "\"abcdefghij", "\"\\", "\"\\ud83d"] },
        { """{"type": "number", "minimum": -2.5, "exclusiveMaximum": 1000}""", ["", "-", "-2", "-2.", "9", "99", "999.", "0"] },
        { """{"anyOf": [{"type": "integer"}, {"type": "array", "items": {"$ref": "#"}}, {"enum": ["x", "xy", "x\"y"]}]}""",
            ["", "[", "[[1", "[\"x", "[[\"x\\", "[[]", "[1, "] },
    };

    [Theory, MemberData(nameof(Begun))]
    public void A_mask_holds_the_tokens_whose_bytes_may_follow_and_no_others(string schema, string[] texts)
    {
        foreach (string text in texts)
            RequireMask(schema, text, new JsonBody(JsonSchema.Compile(schema), O200k));
    }

    [Fact]
    public void So_it_is_wherever_a_recorded_text_is_cut()
    {
        var random = new Random(5);
        GoldenText[] accepted = [.. ((string[])["schemas-own.jsonl", "schemas-public.jsonl", "lexical.jsonl"]).SelectMany(GoldenSchemas.Read)
            .Where(text => text.IsAccepted == true && !text.MayRefuse)];
        for (int i = 0; i < 60; i++)
        {
            GoldenText text = accepted[random.Next(accepted.Length)];
            byte[] bytes = Encoding.UTF8.GetBytes(text.Text);
            var body = new JsonBody(JsonSchema.Compile(text.Schema), O200k);
            int cut = random.Next(bytes.Length);
            Assert.True(body.TryAccept(bytes.AsSpan(0, cut)), text.Name);
            RequireMask(text.Schema, Encoding.UTF8.GetString(bytes, 0, cut), body, isTaken: true);
        }
    }

    [Theory]
    [InlineData("""{"type": "object", "additionalProperties": {"type": "integer"}}""", "{", "\"", "\":1", "}")]
    [InlineData("""{"type": "object", "patternProperties": {"^[a-z0-9]{1,9}$": {"type": "integer"}}, "additionalProperties": false}""", "{", "\"",
        "\":1", "}")]
    [InlineData("""{"type": "array", "items": {"type": "string"}, "uniqueItems": true}""", "[", "\"", "\"", "]")]
    public void What_a_token_costs_does_not_grow_with_the_keys_or_items_that_may_not_come_again(
        string schema, string opening, string before, string behind, string closing)
    {
        var body = new JsonBody(JsonSchema.Compile(schema), O200k);
        ulong[] mask = new ulong[TokenConstraint.MaskWords(O200k.Count)];
        Assert.True(body.TryAccept(Encoding.UTF8.GetBytes(opening)));
        var costs = new List<(long Steps, long Bytes)>();
        for (int key = 0; key < 3_000; key++)
        {
            long steps = body.MaskSteps, bytes = GC.GetAllocatedBytesForCurrentThread();
            // A mask before every byte of every hundredth key and of the one before it.
            foreach (byte value in Encoding.UTF8.GetBytes($"{(key > 0 ? "," : "")}{before}k{key}{behind}"))
            {
                if (key % 100 >= 98)
                {
                    Array.Clear(mask);
                    body.Fill(mask);
                }
                Assert.True(body.TryAccept([value]));
            }
            if (key % 100 == 99)
                costs.Add((body.MaskSteps - steps, GC.GetAllocatedBytesForCurrentThread() - bytes));
        }
        Assert.True(body.TryAccept(Encoding.UTF8.GetBytes(closing)) && body.MayEnd);
        (long firstSteps, long firstBytes) = costs[2];                      // after 300: what is made once is made by then
        (long lastSteps, long lastBytes) = costs[^1];
        Assert.InRange(lastSteps, 1, firstSteps * 3 / 2);
        Assert.InRange(lastBytes, 1, firstBytes * 2);
    }

    private static void RequireMask(string schema, string text, JsonBody body, bool isTaken = false)
    {
        Assert.True(isTaken || body.TryAccept(Encoding.UTF8.GetBytes(text)), text);
        ulong[] mask = new ulong[TokenConstraint.MaskWords(O200k.Count)];
        body.Fill(mask);
        EveryToken.Require(body.Configs, mask, $"{text} under {schema}");
    }
}
