using GptOss.Reference.Tests.TestPlatform;
using Xunit;

namespace GptOss.Reference.Tests;

/// <summary>What README.md links to is there.</summary>
public class ReadmeTests
{
    [Fact]
    public void Every_link_leads_to_a_file()
    {
        Assert.SkipWhen(Repository.Root is null, "The sources are not here.");
        string readme = File.ReadAllText(Path.Combine(Repository.Root!, "README.md"));
        List<string> links = [.. System.Text.RegularExpressions.Regex.Matches(readme, @"\]\(([^)#]+)\)").Select(match => match.Groups[1].Value)];
        Assert.True(links.Count > 9);
        Assert.All(links, link => Assert.True(Path.Exists(Path.Combine(Repository.Root!, link)), link));
    }
}
