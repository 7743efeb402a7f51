using System.Text.Json;
using GptOss.Reference.Harmony;
using GptOss.Reference.Tokens;
using Xunit;

namespace GptOss.Reference.Tests.Harmony;

/// <summary>
/// JSON Schema as the model reads it. The recordings hold 300 conversations with random schemas; here each oddity stands by itself.
/// </summary>
public class TypeScriptTypeTests
{
    private static string Type(string schema) =>
        TypeScriptType.Of(new ToolDescription("f", "",
            JsonElement.Parse($$$"""{"type":"object","properties":{"x":{{{schema}}}}}""")).Parameters!.Value)[2..^2];

    [Theory]
    [InlineData("""{"type":"integer","minimum":1,"default":100}""", "x?: number, // default: 100")]
    [InlineData("""{"type":"string","enum":["a","b"],"default":"a"}""", """x?: "a" | "b", // default: a""")]
    [InlineData("""{"type":"string","nullable":true,"description":"A nullable string","default":"the default"}""",
        "// A nullable string\nx?: string | null, // default: \"the default\"")]
    [InlineData("""{"type":["integer","string"]}""", "x?: number | string,")]
    [InlineData("""{"type":["string","null"]}""", "x?: string | null,")]
    [InlineData("""{"type":"array","items":{"type":"array","items":{"type":"number"}}}""", "x?: number[][],")]
    [InlineData("""{"type":"array"}""", "x?: Array<any>,")]
    [InlineData("""{"type":"array","items":{"type":"string","enum":["a","b"]}}""", """x?: "a" | "b"[],""")]
    [InlineData("""{"anyOf":[{"type":"string"}],"description":"maybe","default":null}""", "// maybe\nx?: any, // default: null")]
    [InlineData("""{"type":"object","default":{"k":1}}""", "x?: {\n    }, // default: {\"k\":1}")]
    [InlineData("""{"type":"string","nullable":true,"enum":["null_x"]}""", """x?: "null_x",""")]
    [InlineData("""{"type":"string","description":"line1\nline2"}""", "// line1\nline2\nx?: string,")]
    [InlineData("""{"type":"string","title":"T","description":"D","examples":["a",1,"b"]}""",
        "// T\n//\n// D\n// Examples:\n// - \"a\"\n// - \"b\"\nx?: string,")]
    [InlineData(
        """{"type":"object","description":"who","properties":{"name":{"type":"string","description":"full name"},""" +
        """ "age":{"type":"integer","default":3}},"required":["name"]}""",
        "// who\nx?:     // who\n{\n    // full name\n    name: string,\n    age?: number, // default: 3\n    },")]
    [InlineData(
        """{"description":"a oneof","default":20,"oneOf":[{"type":"string","default":"default_string_in_oneof"},""" +
        """{"type":"number","description":"numbers can happen too"}]}""",
        "// a oneof\n// default: 20\nx?:\n | string // default: \"default_string_in_oneof\"\n | number // numbers can happen too\n,")]
    [InlineData(
        """{"description":"pick","oneOf":[{"type":"object","description":"A shape","properties":{"r":{"type":"number"}},""" +
        """ "required":["r"]},{"type":"string","enum":["none"],"default":"none"}]}""",
        "// pick\nx?:\n |    // A shape\n{\n   r: number,\n   }\n | \"none\" // default: none\n,")]
    [InlineData("""{"type":"array","items":{"oneOf":[{"type":"string"},{"type":"number","default":1}]}}""",
        "x?: \n     | string\n     | number // default: 1[],")]
    [InlineData("""{"type":"array","items":{"oneOf":[{"type":"string","enum":["a"],"default":"a"}]}}""", "x?: \n     | \"a\" // default: \"a\"[],")]
    [InlineData("""{"description":"hidden","oneOf":3,"default":1}""", "x?: any,")]
    [InlineData("true", "x?: any,")]
    [InlineData("""{"type":["integer"],"type":"string"}""", "x?: string,")]
    public void One_property(string schema, string expected) => Assert.Equal(expected, Type(schema).TrimEnd('\n'));

    [Theory]
    [InlineData("-1", "-1")]
    [InlineData("-0", "0")]
    [InlineData("18446744073709551615", "18446744073709551615")]
    [InlineData("18446744073709551616", "1.8446744073709552e19")]
    [InlineData("1.0", "1.0")]
    [InlineData("-0.0", "-0.0")]
    [InlineData("1E5", "100000.0")]
    [InlineData("0.00001", "0.00001")]
    [InlineData("0.000001", "1e-6")]
    [InlineData("1.5e-7", "1.5e-7")]
    [InlineData("1e15", "1000000000000000.0")]
    [InlineData("1e16", "1e16")]
    [InlineData("123456789012345678.0", "1.2345678901234568e17")]
    [InlineData("1e23", "1e23")]
    [InlineData("0.1", "0.1")]
    [InlineData("1234.5", "1234.5")]
    [InlineData("\"\\u00e9 \\u2028 \\u007f \\u0001 \\\" \\/\"", "\"é \u2028 \u007f \\u0001 \\\" /\"")]
    [InlineData("[\"x\", {\"b\":1, \"a\":2, \"b\":[]}]", "[\"x\",{\"b\":[],\"a\":2}]")]
    public void Values_are_spelled_as_the_published_renderer_spells_them(string json, string expected) =>
        Assert.Equal($"x?: any, // default: [{expected}]", Type($"{{\"default\":[{json}]}}").TrimEnd('\n'));

    [Theory]
    [InlineData("[]", "The parameters of a tool are a JSON object.")]
    [InlineData("""{"maximum":1e999}""", "A number is too large for a double.")]
    [InlineData("""{"title":"\ud800"}""", "A text holds half of a surrogate pair.")]
    [InlineData("""{"\ud800":1}""", "A key holds half of a surrogate pair.")]
    public void What_the_published_reader_refuses_is_refused(string schema, string message) =>
        Assert.Equal(message, Assert.Throws<HarmonyFormatException>(() => new ToolDescription("f", "", JsonElement.Parse(schema))).Message);

    [Fact]
    public void A_developer_message_of_the_published_guide()
    {
        ToolDescription[] tools =
        [
            new("get_location", "Gets the location of the user."),
            new("get_current_weather", "Gets the current weather in the provided location.", JsonElement.Parse(
                """
                {"type":"object","properties":{"location":{"type":"string","description":"The city and state, e.g. San Francisco, CA"},
                "format":{"type":"string","enum":["celsius","fahrenheit"],"default":"celsius"}},"required":["location"]}
                """)),
            new("raw", "", JsonElement.Parse("{}")),
            new("patch", "", JsonElement.Parse("""{"type":"string","description":"not shown"}""")),
        ];
        var content = new DeveloperContent { Instructions = "Use a friendly tone.", Tools = ToolNamespace.Functions(tools) };
        string expected =
            """
            <|start|>developer<|message|># Instructions

            Use a friendly tone.

            # Tools

            ## functions

            namespace functions {

            // Gets the location of the user.
            type get_location = () => any;

            // Gets the current weather in the provided location.
            type get_current_weather = (_: {
            // The city and state, e.g. San Francisco, CA
            location: string,
            format?: "celsius" | "fahrenheit", // default: celsius
            }) => any;

            type raw = (_: any) => any;

            type patch = (_: string) => any;

            } // namespace functions<|end|>
            """.ReplaceLineEndings("\n");
        Assert.Equal(expected,
            Tokenizer.O200kHarmony.Decode(new HarmonyRenderer(Tokenizer.O200kHarmony).Render(new Message(Role.Developer, [content]))));
    }

    [Fact]
    public void A_system_message_with_both_built_in_tools_has_its_published_length()
    {
        // openai/harmony, test-data/test_browser_and_python_tool.txt: 597 ids with the start of the answer
        var content = new SystemContent { ConversationStartDate = "2025-06-28", Tools = ToolNamespace.Of(BuiltInTools.Python, BuiltInTools.Browser) };
        Assert.Equal(597, new HarmonyRenderer(Tokenizer.O200kHarmony).RenderForCompletion([new Message(Role.System, [content])]).Length);
    }
}
