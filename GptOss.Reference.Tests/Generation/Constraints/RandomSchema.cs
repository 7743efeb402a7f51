using System.Text.Json.Nodes;

namespace GptOss.Reference.Tests.Generation.Constraints;

/// <summary>Schemas of everything that can be kept, drawn from a seed. Nearly all of them have valid values.</summary>
internal sealed class RandomSchema(Random random)
{
    private static readonly string[] Patterns =
        ["^[a-z]{2,5}$", "^(yes|no|é+)$", "^[A-Z][a-z]*( [A-Z][a-z]*)?$", "[0-9]{3}", "^x?y*$", "^(?!ab)[a-c]{3}$", "^\\d{1,3}(\\.\\d{1,3}){3}$"];

    private static readonly string[] Keys = ["a", "ab", "b=", "name", "é", "x y", "\"q\"", "=", "id"];

    /// <summary>The schema of a seed.</summary>
    internal static string Of(int seed)
    {
        var schema = new RandomSchema(new Random(seed));
        JsonObject root = schema.Any(3);
        root["$defs"] = new JsonObject { ["node"] = schema.Node() };
        return root.ToJsonString();
    }

    private JsonObject Any(int depth) => random.Next(depth > 0 ? 22 : 12) switch
    {
        0 => new() { ["type"] = "boolean" },
        1 => new() { ["type"] = new JsonArray("null", "boolean") },
        2 => Bounded("integer", random.Next(-2_000, 2_000), random.Next(0, 3_000)),
        3 => With(Bounded("number", random.Next(-50, 50), random.Next(1, 100)), "multipleOf", random.Next(2) == 0 ? 0.25 : 0.1),
        4 => new() { ["type"] = "string" },
        5 => Lengths(new() { ["type"] = "string" }, "minLength", "maxLength", 12),
        6 => new() { ["type"] = "string", ["pattern"] = Patterns[random.Next(Patterns.Length)] },
        7 => new() { ["enum"] = new JsonArray("on", "off", 1, -2.5, null, true, new JsonArray(1, "x"), new JsonObject { ["k"] = 0 }) },
        8 => new() { ["const"] = Keys[random.Next(Keys.Length)] },
        9 => new() { ["type"] = "string", ["format"] = random.Next(2) == 0 ? "ipv4" : "uuid" },
        10 => new() { ["type"] = new JsonArray("string", "null"), ["maxLength"] = random.Next(1, 5) },
        11 => new() { ["$ref"] = "#/$defs/node" },
        12 => Lengths(new() { ["type"] = "array", ["items"] = Any(depth - 1) }, "minItems", "maxItems", 4),
        13 => new() { ["type"] = "array", ["prefixItems"] = new JsonArray(Any(depth - 1), Any(depth - 1)), ["items"] = false },
        14 => new() { ["type"] = "array", ["items"] = Bounded("integer", 0, 12), ["uniqueItems"] = true, ["minItems"] = random.Next(5) },
        15 => With(new() { ["type"] = "array", ["items"] = new JsonObject { ["type"] = "string", ["maxLength"] = 3 }, ["maxItems"] = 3 },
            "uniqueItems", true),
        16 => Object(depth, new JsonArray(), false),
        17 => With(Object(depth, new JsonArray(), Any(depth - 1)), "minProperties", random.Next(4)),
        18 => new()
        {
            ["type"] = "object",
            ["patternProperties"] = new JsonObject { ["^[a-c]{1,2}$"] = Any(depth - 1) },
            ["additionalProperties"] = false,
            ["minProperties"] = random.Next(4),
        },
        19 => new() { ["anyOf"] = new JsonArray(Any(depth - 1), Any(depth - 1), Any(0)) },
        20 => new()
        {
            ["oneOf"] = new JsonArray(Bounded("integer", 0, 9), Object(depth, new JsonArray(), false), new JsonObject { ["type"] = "null" }),
        },
        _ => new()
        {
            ["type"] = "object",
            ["allOf"] = new JsonArray(Object(depth, new JsonArray(), true), new JsonObject { ["required"] = new JsonArray("a") }),
        },
    };

    private JsonObject Object(int depth, JsonArray required, JsonNode rest)
    {
        var properties = new JsonObject();
        foreach (string key in Keys.Where(_ => random.Next(3) == 0))
        {
            properties[key] = Any(depth - 1);
            if (random.Next(2) == 0)
                required.Add(key);
        }
        return new JsonObject { ["type"] = "object", ["properties"] = properties, ["required"] = required, ["additionalProperties"] = rest };
    }

    private JsonObject Scalar()
    {
        JsonObject scalar = Any(0);
        return scalar.ContainsKey("$ref") ? Bounded("integer", 0, 5) : scalar;
    }

    // A tree: an object whose children are such objects.
    private JsonObject Node() => new()
    {
        ["type"] = "object",
        ["properties"] = new JsonObject
        {
            ["value"] = Scalar(),
            ["children"] = new JsonObject { ["type"] = "array", ["items"] = new JsonObject { ["$ref"] = "#/$defs/node" }, ["maxItems"] = 2 },
        },
        ["required"] = new JsonArray("value"),
        ["additionalProperties"] = false,
    };

    private static JsonObject Bounded(string type, int least, int span) => new() { ["type"] = type, ["minimum"] = least, ["maximum"] = least + span };

    private JsonObject Lengths(JsonObject schema, string least, string most, int longest)
    {
        int from = random.Next(longest);
        if (random.Next(3) > 0)
            schema[least] = from;
        if (random.Next(3) > 0)
            schema[most] = from + random.Next(longest);
        return schema;
    }

    private static JsonObject With(JsonObject schema, string keyword, JsonNode value)
    {
        schema[keyword] = value;
        return schema;
    }
}
