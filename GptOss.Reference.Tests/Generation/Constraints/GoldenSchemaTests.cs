using System.Text;
using GptOss.Reference.Generation;
using GptOss.Reference.Generation.Constraints;
using GptOss.Reference.Tokens;
using Xunit;

namespace GptOss.Reference.Tests.Generation.Constraints;

public class GoldenSchemaTests
{
    private static readonly Tokenizer O200k = Tokenizer.O200kHarmony;
    private static readonly int Return = O200k.SpecialId("<|return|>")!.Value;
    private static readonly int[] ByteIds = MakeByteIds();

    public static TheoryData<string> Files => ["suite-draft2020-12.jsonl", "lexical.jsonl", "schemas-own.jsonl", "schemas-public.jsonl"];

    [Theory, MemberData(nameof(Files))]
    public void Every_text_is_accepted_or_rejected_as_recorded_however_it_is_cut_into_tokens(string file)
    {
        var compiled = new Dictionary<string, object>();
        var wrong = new List<string>();
        var random = new Random(1);
        int decided = 0;
        foreach (GoldenText text in GoldenSchemas.Read(file))
        {
            if (!compiled.TryGetValue(text.Schema, out object? schema)) compiled[text.Schema] = schema = Compile(text.Schema);
            if (schema is JsonSchemaException refusal)
            {
                // A schema that nothing is valid for rejects every text.
                if (refusal.IsUnsatisfiable ? text.IsAccepted == true : !text.MayRefuse) wrong.Add($"{text.Name}: {refusal.Message}");
                continue;
            }
            if (text.IsAccepted is not { } accepted) continue;
            decided++;
            byte[] bytes = Encoding.UTF8.GetBytes(text.Text);
            int[][] cuts = [O200k.Encode(text.Text), [.. bytes.Select(value => ByteIds[value])], RandomCut(bytes, random)];
            foreach (int[] ids in cuts)
            {
                if (Accepts((JsonSchema)schema, ids, random) != accepted)
                {
                    wrong.Add($"{text.Name}: {text.Text} is to be {(accepted ? "accepted" : "rejected")} under {text.Schema}");
                    break;
                }
            }
        }
        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
        Assert.InRange(decided, 200, int.MaxValue);
    }

    private static object Compile(string schema)
    {
        try
        {
            return JsonSchema.Compile(schema);
        }
        catch (JsonSchemaException e)
        {
            return e;
        }
    }

    // The mask and stepping say the same of every token; masks of long texts are looked at here and there.
    private static bool Accepts(JsonSchema schema, int[] ids, Random random)
    {
        var constraint = new JsonConstraint(schema, O200k, [Return]);
        ulong[] mask = new ulong[TokenConstraint.MaskWords(O200k.Count)];
        foreach (int id in ids.Append(Return))
        {
            bool isLooked = ids.Length < 20 || id == Return || random.Next(8) == 0, isAllowed = false;
            if (isLooked)
            {
                constraint.Fill(mask);
                isAllowed = (mask[id / 64] >> id & 1) != 0;
                Assert.Contains(mask, word => word != 0);
            }
            try
            {
                constraint.Accept(id);
            }
            catch (ArgumentException)
            {
                Assert.False(isLooked && isAllowed);
                return false;
            }
            Assert.True(!isLooked || isAllowed);
        }
        return constraint.IsComplete;
    }

    // Tokens of random lengths that the vocabulary has.
    private static int[] RandomCut(byte[] bytes, Random random)
    {
        var ids = new List<int>();
        for (int at = 0; at < bytes.Length;)
        {
            string whole = Encoding.Latin1.GetString(bytes, at, Math.Min(random.Next(1, 7), bytes.Length - at));
            int[] one = whole.All(char.IsAscii) ? O200k.Encode(whole) : [];
            ids.Add(one.Length == 1 ? one[0] : ByteIds[bytes[at]]);
            at += one.Length == 1 ? whole.Length : 1;
        }
        return [.. ids];
    }

    private static int[] MakeByteIds()
    {
        int[] ids = new int[256];
        for (int id = 0; id < O200k.Count; id++)
            if (!O200k.IsSpecial(id) && O200k.TokenBytes(id) is { Length: 1 } bytes) ids[bytes.Span[0]] = id;
        return ids;
    }
}
