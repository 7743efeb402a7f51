namespace GptOss.Reference.Tests;

/// <summary>Where the test data lies: <c>testdata/</c> of the repository, or the folder that GPTOSS_TESTDATA names.</summary>
internal static class TestData
{
    internal static string Root { get; } = Find();

    internal static string Tiny => Path.Combine(Root, "tiny-gpt-oss");

    internal static string Golden(string pack) => Path.Combine(Root, "goldens", pack);

    private static string Find()
    {
        if (Environment.GetEnvironmentVariable("GPTOSS_TESTDATA") is { Length: > 0 } stated)
            return stated;
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "GptOss.sln")))
                return Path.Combine(folder.FullName, "testdata");
        }
        throw new DirectoryNotFoundException($"No GptOss.sln above {AppContext.BaseDirectory}; set GPTOSS_TESTDATA to the testdata folder.");
    }
}
