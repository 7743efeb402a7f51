using System.Numerics;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using FsCheck;
using FsCheck.Fluent;
using GptOss.Reference.Generation;
using GptOss.Reference.Generation.Constraints;
using GptOss.Reference.Tokens;
using Xunit;

namespace GptOss.Reference.Tests.Generation.Constraints;

/// <summary>Whatever is chosen under the masks of whatever schema ends as a text that another validator accepts.</summary>
public class RandomWalkTests
{
    private const int FreeTokens = 30;

    private static readonly Tokenizer O200k = Tokenizer.O200kHarmony;
    private static readonly int Return = O200k.SpecialId("<|return|>")!.Value;

    private static Arbitrary<int> Seeds => Gen.Choose(0, int.MaxValue - 1).ToArbitrary();

    [Fact]
    public void Any_choice_under_any_schema_ends_as_valid_json()
    {
        int walked = 0, refused = 0;
        Prop.ForAll(Seeds, seed =>
        {
            if (Compile(seed) is not { } schema)
            {
                refused++;
                return;
            }
            for (int walk = 0; walk < 3; walk++, walked++)
                RequireValid(RandomSchema.Of(seed), Walk(schema, new Random(seed + walk)));
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(150));
        Assert.InRange(refused, 0, walked / 20);
    }

    [Fact]
    public void A_length_is_a_number_of_code_points_even_where_they_join()
    {
        const string schema = """{"type": "string", "minLength": 10, "maxLength": 10}""", thai = "\"จีเอ็มเอ็ม\"";
        var constraint = new JsonConstraint(JsonSchema.Compile(schema), O200k, [Return]);
        foreach (int id in O200k.Encode(thai))
            constraint.Accept(id);
        constraint.Accept(Return);
        Assert.True(constraint.IsComplete);
        RequireValid(schema, thai);
    }

    [Fact]
    public void Under_any_budget_an_answer_is_closed_if_the_shortest_one_fits_and_else_it_is_refused()
    {
        int closed = 0, unclosed = 0;
        Prop.ForAll(Seeds, seed =>
        {
            if (Compile(seed) is not { } schema)
                return;
            int shortest = new JsonConstraint(schema, O200k, [Return]).ShortestEnd().Count;
            foreach (int more in (int[])[-1, 0, 1, 2, 5, 17])
            {
                if (shortest + more < 1)
                    continue;
                var constraint = new JsonConstraint(schema, O200k, [Return]);
                if (more < 0)
                {
                    Assert.Equal(shortest, Assert.Throws<BudgetException>(() => new ClosingBudget(constraint, shortest + more)).Needed);
                    unclosed++;
                    continue;
                }
                var budget = new ClosingBudget(constraint, shortest + more);
                List<int> ids = Spend(constraint, budget, shortest + more, new Random(seed + more));
                Assert.True(constraint.IsComplete, RandomSchema.Of(seed));
                RequireValid(RandomSchema.Of(seed), O200k.DecodeUtf8([.. ids[..^1]]));
                closed++;
            }
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(60));
        Assert.InRange(closed, 100, int.MaxValue);
        Assert.InRange(unclosed, 20, int.MaxValue);
    }

    // Random tokens, more and more of them on the shortest way to the end, and then only these.
    private static string Walk(JsonSchema schema, Random random)
    {
        var constraint = new JsonConstraint(schema, O200k, [Return]);
        ulong[] mask = new ulong[TokenConstraint.MaskWords(O200k.Count)];
        var ids = new List<int>();
        for (IReadOnlyList<int> end = []; !constraint.IsComplete;)
        {
            Assert.True(constraint.Fill(mask));
            bool isFree = ids.Count < FreeTokens;
            if (isFree)
                end = random.Next(3) == 0 ? constraint.ShortestEnd() : [];
            else if (ids.Count == FreeTokens)
                end = constraint.ShortestEnd();
            int id = isFree ? (end is [var first, ..] ? first : Any(mask, random)) : end[ids.Count - FreeTokens];
            Assert.True((mask[id / 64] >> id & 1) != 0, $"{O200k.Decode([id])} after {O200k.Decode([.. ids])}");
            constraint.Accept(id);
            ids.Add(id);
        }
        return O200k.DecodeUtf8([.. ids[..^1]]);
    }

    // As a decoding does it, with random choices instead of a model's.
    private static List<int> Spend(JsonConstraint constraint, ClosingBudget budget, int tokens, Random random)
    {
        ulong[] mask = new ulong[TokenConstraint.MaskWords(O200k.Count)];
        var ids = new List<int>();
        while (ids.Count < tokens && !constraint.IsComplete)
        {
            constraint.Fill(mask);
            int id = Any(mask, random);
            for (int tries = 0; tries < 16 && !budget.IsDue && !budget.Allows([id]); tries++)
                id = Any(mask, random);
            if (budget.IsDue || !budget.Allows([id]))
            {
                foreach (int last in budget.End)
                    constraint.Accept(last);
                ids.AddRange(budget.End);
                Assert.InRange(ids.Count, 1, tokens);
                break;
            }
            constraint.Accept(id);
            budget.Take();
            ids.Add(id);
        }
        return ids;
    }

    private static int Any(ulong[] mask, Random random)
    {
        int count = mask.Sum(BitOperations.PopCount);
        Assert.NotEqual(0, count);
        int left = random.Next(count);
        for (int word = 0; ; left -= BitOperations.PopCount(mask[word++]))
        {
            if (left >= BitOperations.PopCount(mask[word]))
                continue;
            ulong bits = mask[word];
            for (; left > 0; left--)
                bits &= bits - 1;
            return word * 64 + BitOperations.TrailingZeroCount(bits);
        }
    }

    private static JsonSchema? Compile(int seed)
    {
        try
        {
            return JsonSchema.Compile(RandomSchema.Of(seed));
        }
        catch (JsonSchemaException)
        {
            return null;
        }
    }

    private static void RequireValid(string schema, string text)
    {
        var validator = Json.Schema.JsonSchema.FromText(schema);
        using var document = JsonDocument.Parse(text);
        JsonElement standing = JsonSerializer.SerializeToElement(Standing(document.RootElement));
        var options = new Json.Schema.EvaluationOptions { RequireFormatValidation = true };
        Assert.True(validator.Evaluate(standing, options).IsValid, $"{text} is not valid for {schema}");
    }

    // The other validator counts what a reader sees as one character, JSON Schema every code point. So each code point that could join its neighbour
    // gets a private one of its own instead, which joins none; the schemas name no such character.
    private static JsonNode? Standing(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => Standing(value.GetString()!),
        JsonValueKind.Array => new JsonArray([.. value.EnumerateArray().Select(Standing)]),
        JsonValueKind.Object => new JsonObject(value.EnumerateObject().Select(member =>
            KeyValuePair.Create(Standing(member.Name), Standing(member.Value)))),
        _ => JsonValue.Create(value),
    };

    private static string Standing(string text) => string.Concat(text.EnumerateRunes().Select(rune =>
        rune.Value is '\r' or >= 0x300 and < 0xFFFE ? new Rune(0xF0000 + rune.Value)
        : rune.Value >= 0x10000 ? new Rune(0x100000 + (rune.Value & 0xFFFF) % 0xFFFE) : rune));
}
