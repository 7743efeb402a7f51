using System.Text;
using System.Text.Json;
using GptOss.Reference.Generation;
using GptOss.Reference.Generation.Constraints;
using GptOss.Reference.Generation.Constraints.Languages;
using GptOss.Reference.Generation.Constraints.Schemas;
using GptOss.Reference.Tokens;
using Xunit;

namespace GptOss.Reference.Tests.Generation.Constraints;

/// <summary>Schemas that are made to cost much: refused in one sentence, or compiled and kept at a bounded cost.</summary>
public class HostileSchemaTests
{
    private const long MostBytes = 2L << 30;

    private static readonly Tokenizer O200k = Tokenizer.O200kHarmony;

    public static TheoryData<string, bool> Hostile => new()
    {
        { "nested deeply", false },
        { "nested deeply in arrays", true },
        { "a reference to itself", true },
        { "references in a circle", true },
        { "an enumeration of very many numbers", true },
        { "an enumeration of very many arrays", true },
        { "an enumeration of long texts", false },
        { "a pattern that backtracks", false },
        { "a pattern with huge counts", true },
        { "nested counts", true },
        { "a pattern of all of Unicode", false },
        { "items without end", false },
        { "a string without end", false },
        { "fifteen thousand properties", false },
        { "a hundred thousand properties", true },
        { "unions of unions", true },
        { "intersections of unions", true },
        { "every key a pattern", true },
        { "a step of a trillion digits", true },
        { "bounds of a billion digits", false },
        { "exclusions that exclude each other", true },
        { "conditions in conditions", true },
        { "recursion at every key", false },
        { "as many different items as there are not", true },
        { "all of the same", false },
    };

    [Theory, MemberData(nameof(Hostile))]
    public void A_hostile_schema_is_refused_in_one_sentence_or_kept_at_a_bounded_cost(string name, bool mayRefuse)
    {
        string json = Make(name);
        long before = GC.GetAllocatedBytesForCurrentThread();
        try
        {
            // Only steps bound the work here, so that a slow machine decides the same.
            using var document = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = 1_000 });
            var schema = new JsonSchema(Compiler.Compile(document.RootElement, new Work(JsonSchema.MostWork, TimeSpan.FromMinutes(5))));
            var body = new JsonBody(schema, O200k);
            ulong[] mask = new ulong[TokenConstraint.MaskWords(O200k.Count)];
            byte[] end = body.ShortestEnd();
            for (int i = 0; i < Math.Min(end.Length, 40); i++)
            {
                Array.Clear(mask);
                long steps = body.MaskSteps;
                body.Fill(mask);
                Assert.Contains(mask, word => word != 0);
                Assert.InRange(body.MaskSteps - steps, 0, 2_000_000);
                Assert.True(body.TryAccept(end.AsSpan(i, 1)));
            }
        }
        catch (SchemaRefusal refusal)
        {
            Assert.True(mayRefuse, refusal.Message);
        }
        catch (WorkExceededException)
        {
            Assert.True(mayRefuse);
        }
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, MostBytes);
        RequireSentence(json);
    }

    private static void RequireSentence(string json)
    {
        try
        {
            JsonSchema.Compile(json);
        }
        catch (JsonSchemaException refusal)
        {
            Assert.EndsWith(".", refusal.Message, StringComparison.Ordinal);
            Assert.DoesNotContain('\n', refusal.Message);
            Assert.InRange(refusal.Message.Length, 10, 500);
        }
    }

    [Theory]
    [InlineData("{\"type\": \"obj", "#: the schema is not valid JSON at line 1, byte 14.")]
    [InlineData("{\"const\": \"\\ud800\"}", "#: the schema holds text that is not Unicode.")]
    [InlineData("{\"$ref\": \"https://example.com/x\"}", "#: '$ref' ")]
    [InlineData("{\"$ref\": \"#/$defs/none\"}", "#: '$ref' ")]
    [InlineData("{\"type\": \"text\"}", "#: 'type' ")]
    [InlineData("{\"pattern\": \"(\"}", "#: 'pattern' ")]
    [InlineData("{\"minItems\": -1}", "#: 'minItems' ")]
    public void What_is_no_schema_is_refused_by_place_and_keyword(string json, string beginning) =>
        Assert.StartsWith(beginning, Assert.Throws<JsonSchemaException>(() => JsonSchema.Compile(json)).Message, StringComparison.Ordinal);

    [Fact]
    public void A_schema_is_at_most_a_mebibyte() =>
        Assert.Throws<JsonSchemaException>(() => JsonSchema.Compile("{\"description\": \"" + new string('x', JsonSchema.MaxBytes) + "\"}"));

    private static string Make(string name) => name switch
    {
        "nested deeply" => Nested("""{"type": "object", "properties": {"a": """, """{"type": "null"}""", "}}", 190),
        "nested deeply in arrays" => Nested("""{"items": """, "true", "}", 900),
        "a reference to itself" => """{"$ref": "#"}""",
        "references in a circle" =>
            """{"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"anyOf": [{"$ref": "#/$defs/a"}, {"$ref": "#/$defs/b"}]}}}""",
        "an enumeration of very many numbers" => """{"enum": [""" + string.Join(',', Enumerable.Range(0, 150_000)) + "]}",
        "an enumeration of very many arrays" => """{"enum": [""" + string.Join(',', Enumerable.Range(0, 50_000).Select(i => $"[{i}]")) + "]}",
        "an enumeration of long texts" => """{"enum": [""" + Listed(100, i => $"\"{new string('a', 9_000)}{i}\"") + "]}",
        "a pattern that backtracks" => """{"type": "string", "pattern": "^((a+)+)+(b|a*)*c$"}""",
        "a pattern with huge counts" => """{"type": "string", "pattern": "^(a?b?){30000}$"}""",
        "nested counts" => """{"type": "string", "pattern": "^(((a|b){1,100}c){1,100}d){1,100}$"}""",
        "a pattern of all of Unicode" => """{"type": "string", "pattern": "^[\\p{L}\\p{N}\\p{S}]+[^\\p{M}]*\\P{Z}$"}""",
        "items without end" => """{"type": "array", "items": {"type": "integer"}, "minItems": 100000}""",
        "a string without end" => """{"type": "string", "minLength": 50000, "maxLength": 100000}""",
        "fifteen thousand properties" => Many(15_000),
        "a hundred thousand properties" => Many(100_000),
        "unions of unions" =>
            Nested("""{"anyOf": [{"type": "string"}, {"type": "array", "items": true}, """, """{"anyOf": [true, false]}""", "]}", 60),
        "intersections of unions" => """{"allOf": [""" + Listed(24, Union) + "]}",
        "every key a pattern" => """{"patternProperties": {""" + Listed(300, i => $"\"a.{{{i % 7}}}b{i}\": {{\"minimum\": {i}}}") + "}}",
        "a step of a trillion digits" => """{"type": "number", "multipleOf": 1e-999999999999}""",
        "bounds of a billion digits" => """{"type": "number", "minimum": -1e999999999, "maximum": 1e999999999}""",
        "exclusions that exclude each other" =>
            """{"not": {"anyOf": [""" + Listed(40, Excluded) + "]}}",
        "conditions in conditions" =>
            Nested("""{"if": {"properties": {"a": {"minimum": 3}}}, "then": """, "true", """, "else": {"required": ["a"]}}""", 60),
        "recursion at every key" =>
            """{"type": "object", "additionalProperties": {"anyOf": [{"$ref": "#"}, {"type": "array", "items": {"$ref": "#"}}, {"type": "null"}]}}""",
        "as many different items as there are not" =>
            """{"type": "array", "uniqueItems": true, "minItems": 5000, "items": {"type": "string", "pattern": "^[a-z]{1,2}$"}}""",
        "all of the same" => """{"allOf": [""" + Listed(5_000, _ => """{"type": "object", "properties": {"a": {"type": "string"}}}""") + "]}",
        _ => throw new ArgumentException(name),
    };

    private static string Listed(int count, Func<int, string> text) => string.Join(',', Enumerable.Range(0, count).Select(text));

    private static string Excluded(int i) =>
        """{"not": {"properties": {"kN": {"not": {"minimum": N}}}}}""".Replace("N", $"{i}", StringComparison.Ordinal);

    private static string Union(int i) => $$"""{"anyOf": [{"required": ["a{{i}}"]}, {"required": ["b{{i}}"]}, {"maxProperties": {{i + 3}}}]}""";

    private static string Nested(string open, string inner, string close, int depth) =>
        new StringBuilder().Insert(0, open, depth).Append(inner).Insert(open.Length * depth + inner.Length, close, depth).ToString();

    private static string Many(int count)
    {
        var properties = new StringBuilder();
        for (int i = 0; i < count; i++)
            properties.Append($"{(i > 0 ? "," : "")}\"property{i}\":{{\"type\":\"string\"}}");
        return $$"""{"type": "object", "properties": {{{properties}}}, "additionalProperties": false}""";
    }
}
