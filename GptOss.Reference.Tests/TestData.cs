using GptOss.Reference.Tests.TestPlatform;

namespace GptOss.Reference.Tests;

/// <summary>Where the test data lies, for tests that cannot do without it.</summary>
internal static class TestData
{
    internal static string Root { get; } = Repository.TestData
        ?? throw new DirectoryNotFoundException($"No GptOss.sln above {AppContext.BaseDirectory}; set GPTOSS_TESTDATA to the testdata folder.");

    internal static string Tiny => Path.Combine(Root, "tiny-gpt-oss");

    internal static string Golden(string pack) => Path.Combine(Root, "goldens", pack);
}
