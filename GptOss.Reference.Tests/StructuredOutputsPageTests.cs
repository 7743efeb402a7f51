using System.Text.RegularExpressions;
using GptOss.Reference.Generation.Constraints;
using GptOss.Reference.Tests.TestPlatform;
using Xunit;

namespace GptOss.Reference.Tests;

/// <summary>What docs/structured-outputs.md says, tried.</summary>
public partial class StructuredOutputsPageTests
{
    private static string Page
    {
        get
        {
            Assert.SkipWhen(Repository.Root is null, "The sources are not here.");
            return File.ReadAllText(Path.Combine(Repository.Root!, "docs", "structured-outputs.md"));
        }
    }

    [Fact]
    public void What_the_page_says_is_refused_is_refused()
    {
        string refused = Page[Page.IndexOf("| refused |", StringComparison.Ordinal)..Page.IndexOf("## The text", StringComparison.Ordinal)];
        string[] schemas = [.. Schemas().Matches(refused).Select(schema => schema.Groups[1].Value)];
        Assert.InRange(schemas.Length, 10, 20);
        Assert.All(schemas, schema => Assert.NotNull(Assert.Throws<JsonSchemaException>(() => JsonSchema.Compile(schema)).Keyword));
    }

    [GeneratedRegex("`(\\{.*?\\})`")]
    private static partial Regex Schemas();
}
