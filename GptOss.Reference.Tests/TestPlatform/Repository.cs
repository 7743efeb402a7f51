namespace GptOss.Reference.Tests.TestPlatform;

/// <summary>Where this run finds the sources and the recorded test data.</summary>
internal static class Repository
{
    /// <summary>The folder that holds <c>GptOss.sln</c>, or null where the tests run away from their sources (a published build).</summary>
    internal static string? Root { get; } = FindRoot();

    /// <summary>The testdata folder: <c>GPTOSS_TESTDATA</c> if set, else the one beside <c>GptOss.sln</c>; null if neither is there.</summary>
    internal static string? TestData { get; } =
        Environment.GetEnvironmentVariable("GPTOSS_TESTDATA") is { Length: > 0 } named ? named
        : Root is null ? null
        : Path.Combine(Root, "testdata");

    private static string? FindRoot()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "GptOss.sln")))
                return folder.FullName;
        }
        return null;
    }
}
