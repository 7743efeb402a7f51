namespace GptOss.Reference.Tests;

/// <summary>Where the recorded files lie: <c>testdata/</c> beside the solution, or the folder named by GPTOSS_TESTDATA.</summary>
internal static class TestData
{
    public static string Root { get; } = Environment.GetEnvironmentVariable("GPTOSS_TESTDATA") ?? Find();

    public static string Tiny => Path.Combine(Root, "tiny-gpt-oss");

    public static string Golden(string pack) => Path.Combine(Root, "goldens", pack);

    private static string Find()
    {
        for (DirectoryInfo? at = new(AppContext.BaseDirectory); at is not null; at = at.Parent)
        {
            if (File.Exists(Path.Combine(at.FullName, "GptOss.sln"))) return Path.Combine(at.FullName, "testdata");
        }

        throw new DirectoryNotFoundException($"No GptOss.sln above {AppContext.BaseDirectory}; set GPTOSS_TESTDATA.");
    }
}
