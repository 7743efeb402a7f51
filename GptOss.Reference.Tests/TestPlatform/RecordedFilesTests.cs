using System.Security.Cryptography;
using Xunit;

namespace GptOss.Reference.Tests.TestPlatform;

/// <summary>What was recorded is still what was recorded: <c>testdata/SHA256SUMS</c> against the files beside it.</summary>
public class RecordedFilesTests
{
    private const string List = "SHA256SUMS";

    [Fact]
    public void Every_recorded_file_has_its_listed_checksum()
    {
        string root = TestData();
        AssertNone(
            from entry in Listed(root)
            let path = Path.Combine(root, entry.Key)
            let found = File.Exists(path) ? Hash(path) : "missing"
            where found != entry.Value
            select $"{entry.Key}: listed {entry.Value}, found {found}");
    }

    [Fact]
    public void No_recorded_file_is_unlisted()
    {
        string root = TestData();
        Dictionary<string, string> listed = Listed(root);
        AssertNone(
            from path in Directory.EnumerateFiles(root, "*", SearchOption.AllDirectories)
            let name = Path.GetRelativePath(root, path).Replace('\\', '/')
            where IsRecorded(name) && !listed.ContainsKey(name)
            select name);
    }

    private static void AssertNone(IEnumerable<string> differences)
    {
        string all = string.Join('\n', differences);
        Assert.True(all.Length == 0, all);
    }

    // Pages are written, not recorded, and hostile files are made by hand, each beside the test that reads it.
    private static bool IsRecorded(string name) =>
        Path.GetFileName(name) is not ("README.md" or List)
        && !name.StartsWith("hostile/", StringComparison.Ordinal)
        && !name.Contains("__pycache__/");

    private static Dictionary<string, string> Listed(string root) =>
        File.ReadLines(Path.Combine(root, List)).ToDictionary(line => line[66..], line => line[..64]);

    private static string Hash(string path)
    {
        using FileStream file = File.OpenRead(path);
        return Convert.ToHexStringLower(SHA256.HashData(file));
    }

    private static string TestData()
    {
        Assert.SkipWhen(Repository.TestData is null, "The test data is not beside this build; GPTOSS_TESTDATA may name it.");
        return Repository.TestData;
    }
}
