using GptOss.Reference.Tests.TestPlatform;
using Xunit;

namespace GptOss.Reference.Tests.Architecture;

/// <summary>Every rule over the real sources, and every rule seen failing on a sample: a rule that cannot fail holds nothing.</summary>
public class HouseRulesTests
{
    private static readonly string[] TextFiles =
    [
        ".cs", ".csproj", ".props", ".targets", ".sln", ".pubxml", ".json", ".md", ".py", ".yml", ".editorconfig", ".gitignore", ".gitattributes",
    ];

    private static readonly string[] MadeFolders = ["bin", "obj", ".git", ".vs", ".idea", "TestResults", "BenchmarkDotNet.Artifacts", "__pycache__"];
    private static readonly Lazy<List<SourceFile>> Sources = new(() => [.. Files(new DirectoryInfo(Repository.Root!))]);

    public static TheoryData<string> Rules => [.. RuleByName.Keys];

    private static Dictionary<string, Func<IEnumerable<SourceFile>, IEnumerable<string>>> RuleByName { get; } = new()
    {
        [nameof(HouseRules.Namespaces)] = HouseRules.Namespaces,
        [nameof(HouseRules.TypeFiles)] = HouseRules.TypeFiles,
        [nameof(HouseRules.TestFolders)] = HouseRules.TestFolders,
        [nameof(Directions.Direction)] = Directions.Direction,
        [nameof(HouseRules.EscapeHatches)] = HouseRules.EscapeHatches,
        [nameof(HouseRules.StackSizes)] = HouseRules.StackSizes,
        [nameof(HouseRules.Lengths)] = HouseRules.Lengths,
        [nameof(HouseRules.LineLengths)] = HouseRules.LineLengths,
        [nameof(HouseRules.Arithmetic)] = HouseRules.Arithmetic,
        [nameof(Directions.FolderPages)] = Directions.FolderPages,
        [nameof(HouseRules.MachinePaths)] = HouseRules.MachinePaths,
        [nameof(HouseRules.ToolFolders)] = HouseRules.ToolFolders,
        [nameof(HouseRules.ToolBorders)] = HouseRules.ToolBorders,
    };

    [Theory, MemberData(nameof(Rules))]
    public void The_sources_keep_the_rule(string rule)
    {
        Assert.SkipWhen(Repository.Root is null, "The sources are not beside this build.");
        Assert.Contains(Sources.Value, file => file.Path == "GptOss.Reference/Checkpoints/Configuration/GptOssConfig.cs");
        string findings = string.Join('\n', RuleByName[rule](Sources.Value));
        Assert.True(findings.Length == 0, findings);
    }

    [Theory]
    [InlineData("Model/A.cs", "namespace GptOss.Reference.Chat;", ":1: declares namespace GptOss.Reference.Chat; expected GptOss.Reference.Model.")]
    [InlineData("Model/A.cs", "class A;", ": declares no namespace; expected GptOss.Reference.Model.")]
    [InlineData("A.cs", "namespace GptOss.Reference;", ": the project's root is not a folder of the house.")]
    [InlineData("Models/A.cs", "namespace GptOss.Reference.Models;", ": Models is not a folder of the house.")]
    [InlineData("Numerics/Lanes/A.cs", "namespace GptOss.Reference.Numerics;",
        ":1: declares namespace GptOss.Reference.Numerics; expected GptOss.Reference.Numerics.Lanes.")]
    public void A_file_outside_its_namespace_is_found(string path, string text, string message) =>
        Assert.Equal([$"GptOss.Reference/{path}{message}"], HouseRules.Namespaces([InLibrary(path, text)]));

    [Theory]
    [InlineData("Model/A.cs", "using GptOss.Reference.Tokens;")]
    [InlineData("Model/A.cs", "_ = new GptOss.Reference.Harmony.Message();")]
    [InlineData("Numerics/A.cs", "// prose\nusing static GptOss.Reference.Checkpoints.Storage.DTypes;")]
    [InlineData("Numerics/Lanes/A.cs", "using GptOss.Reference.Numerics.Formats;")]
    [InlineData("Numerics/Lanes/A.cs", "Formats.Format f;")]
    [InlineData("Numerics/Lanes/A.cs", "Kernel k;")]
    [InlineData("Model/A.cs", "using GptOss.Reference.Model.Hooks;")]
    [InlineData("Oracle/A.cs", "using GptOss.Reference.Harmony;")]
    [InlineData("Chat/A.cs", "using GptOss.Reference.Oracle.Traces;")]
    [InlineData("Numerics/A.cs", "GptOssConfig config;")]
    [InlineData("Chat/A.cs", "global using GptOss.Reference.Harmony;")]
    [InlineData("Model/A.cs", "Generation.Sampler s;")]
    [InlineData("Model/A.cs", "Reference.Generation.Sampler s;")]
    public void A_name_against_the_flow_is_found(string path, string text) => Assert.Single(Directions.Direction([InLibrary(path, text), .. Around]));

    [Theory]
    [InlineData("Model/A.cs", "using GptOss.Reference.Numerics; // not GptOss.Reference.Tokens")]
    [InlineData("Harmony/A.cs", "using GptOss.Reference.Tokens;")]
    [InlineData("Numerics/A.cs", "namespace GptOss.Reference.Numerics; using System.Numerics;")]
    [InlineData("Numerics/A.cs", "int n = Generation.Count;")]
    [InlineData("Numerics/A.cs", "using GptOss.Reference.Numerics.Formats;")]
    [InlineData("Model/Hooks/A.cs", "Sampler.Kernel k = GptOss.Reference.Model.Transformer.New();")]
    public void A_name_with_the_flow_is_no_finding(string path, string text) =>
    Assert.Empty(Directions.Direction([InLibrary(path, text), .. Around]));

    [Fact]
    public void The_directions_have_no_circle() => Assert.Empty(Directions.Circles(Directions.MayName));

    [Theory]
    [InlineData("B", 1)]
    [InlineData("B/Inner", 0)]
    public void A_circle_of_folders_is_found(string named, int findings) => Assert.Equal(findings, Directions.Circles(new Dictionary<string, string[]>
    {
        ["A"] = [named],
        ["B"] = ["A"],
        ["B/Inner"] = [],
    }).Count());

    [Theory]
    [InlineData("Numerics/Lanes", 0)]
    [InlineData("Cli/Chat", 0)]
    [InlineData("", 0)]
    [InlineData("Numerics/Lines", 1)]
    [InlineData("Cli/Chats", 1)]
    public void Tests_of_a_folder_that_is_not_there_are_found(string folder, int findings) => Assert.Equal(findings, HouseRules.TestFolders(
    [
        new SourceFile($"{HouseRules.Tests}/{folder}/ATests.cs".Replace("//", "/", StringComparison.Ordinal), ""),
        new SourceFile("GptOss.Cli/Chat/A.cs", ""),
        InLibrary("Numerics/Lanes/A.cs", ""),
    ]).Count());

    [Theory]
    [InlineData("Numerics/A.cs", "internal readonly unsafe struct A;", 0)]
    [InlineData("Model/A.Part.cs", "public sealed partial class A\n{\n    private enum B;\n}", 0)]
    [InlineData("Model/Hooks/A.cs", "public delegate void A(int b);", 0)]
    [InlineData("Numerics/A.cs", "internal struct A;\ninternal struct B;", 1)]
    [InlineData("Checkpoints/A.cs", "internal sealed record class B;", 1)]
    [InlineData("Generation/A.cs", "internal struct B;", 0)]
    public void A_file_that_is_not_named_as_its_only_type_is_found(string path, string text, int findings) =>
        Assert.Equal(findings, HouseRules.TypeFiles([InLibrary(path, text)]).Count());

    [Theory]
    [InlineData("Model/A.cs", "static unsafe void F() { }", 1)]
    [InlineData("Tokens/A.cs", "[LibraryImport(\"libc\")] static partial int F();", 1)]
    [InlineData("Numerics/A.cs", "static unsafe void F() { }", 0)]
    [InlineData("Model/A.cs", "Unsafe.Add(ref a, 1); // an unsafe idea", 0)]
    public void A_pointer_or_a_native_call_is_found_where_it_may_not_be(string path, string text, int findings) =>
        Assert.Equal(findings, HouseRules.EscapeHatches([InLibrary(path, text)]).Count());

    [Theory]
    [InlineData("float* p = stackalloc float[groups.Count];", 1)]
    [InlineData("Span<byte> p = stackalloc byte[2 * n];", 1)]
    [InlineData("const int Most = 4, Half = Most / 2; float** p = stackalloc float*[2 * Half];", 0)]
    [InlineData("Span<byte> p = stackalloc byte[64];", 0)]
    public void A_stack_that_grows_with_data_is_found(string text, int findings) =>
        Assert.Equal(findings, HouseRules.StackSizes([InLibrary("Numerics/A.cs", text)]).Count());

    [Fact]
    public void The_command_line_has_no_pointers() =>
        Assert.Single(HouseRules.EscapeHatches([new SourceFile("GptOss.Cli/Numerics/A.cs", "unsafe { }")]));

    [Theory]
    [InlineData("GptOss.Reference/Model/A.cs", 450, 0)]
    [InlineData("GptOss.Reference/Model/A.cs", 451, 1)]
    [InlineData("GptOss.Cli/A.cs", 451, 1)]
    [InlineData("GptOss.Reference.Tests/Model/ATests.cs", 451, 0)]
    public void A_long_file_is_found(string path, int lines, int findings) =>
        Assert.Equal(findings, HouseRules.Lengths([new SourceFile(path, string.Concat(Enumerable.Repeat("a\n", lines)))]).Count());

    [Theory]
    [InlineData("x = #;", 1)]
    [InlineData("// #", 1)]
    [InlineData("/// <summary>#</summary>", 1)]
    [InlineData("x = \"\"\"\n#\n\"\"\";", 0)]
    [InlineData("x = \"#\";", 1)]
    public void A_long_line_is_found_outside_literals_of_several_lines(string text, int findings) => Assert.Equal(findings,
        HouseRules.LineLengths([InLibrary("Model/A.cs", text.Replace("#", new string('a', HouseRules.LongestLine), StringComparison.Ordinal))])
            .Count());

    [Theory]
    [InlineData("MathF.Exp(x)")]
    [InlineData("Math.SinCos(x)")]
    [InlineData("Math . Pow(x, y)")]
    [InlineData("float.Tanh(x)")]
    [InlineData("TensorPrimitives.Add(a, b, c)")]
    [InlineData("Vector512.Sum(v)")]
    [InlineData("Vector128.Exp(v)")]
    [InlineData("Vector.Dot(a, b)")]
    [InlineData("Vector256.MultiplyAddEstimate(a, b, c)")]
    [InlineData("MathF.ReciprocalSqrtEstimate(x)")]
    [InlineData("Sse.ReciprocalSqrt(v)")]
    [InlineData("Avx512F.VL.Reciprocal14(v)")]
    [InlineData("Sse41.DotProduct(a, b, 1)")]
    public void Arithmetic_that_a_platform_may_change_is_found(string code)
    {
        Assert.Single(HouseRules.Arithmetic([InLibrary("Numerics/A.cs", code)]));
        Assert.Single(HouseRules.Arithmetic([InLibrary("Model/A.cs", code)]));
        Assert.Empty(HouseRules.Arithmetic([InLibrary("Oracle/A.cs", code)]));
        Assert.Empty(HouseRules.Arithmetic([InLibrary("Model/A.cs", "// " + code)]));
    }

    [Theory]
    [InlineData("MathF.Sqrt(x)")]
    [InlineData("MathF.FusedMultiplyAdd(a, b, c)")]
    [InlineData("Exponential.Exp(x)")]
    [InlineData("Vector128.FusedMultiplyAdd(a, b, c)")]
    [InlineData("BitOperations.Log2(n)")]
    public void Arithmetic_that_is_fixed_is_no_finding(string code) => Assert.Empty(HouseRules.Arithmetic([InLibrary("Numerics/A.cs", code)]));

    [Fact]
    public void A_folder_without_a_page_is_found() =>
        Assert.Equal(
            ["GptOss.Reference/Model/README.md: missing; every folder says what it knows and what it may use."],
            Directions.FolderPages([InLibrary("Model/A.cs", "")]));

    [Theory]
    [InlineData("# Model\n\n`Stages/`\n\nMay use: Ground, Numerics, Checkpoints.\n", 0)]
    [InlineData("# Model\n\n`Stages/`\n\nMay use: Checkpoints, Tokens.\n", 1)]
    [InlineData("# Model\n\nMay use: Ground, Numerics, Checkpoints.\n", 1)]
    public void A_page_that_promises_another_direction_or_omits_a_folder_is_found(string page, int findings) => Assert.Equal(findings,
        Directions.FolderPages([InLibrary("Model/A.cs", ""), InLibrary("Model/Stages/A.cs", ""), InLibrary("Model/README.md", page)]).Count());

    [Theory]
    [InlineData("path = \"#work/x\"", 1)]
    [InlineData("see #tmp/w/notes", 1)]
    [InlineData("https://example.com#work/x", 0)]
    [InlineData("the #workers/ folder", 0)]
    public void A_path_of_one_machine_is_found(string text, int findings) =>
        Assert.Equal(findings, HouseRules.MachinePaths([new SourceFile("docs/a.md", text.Replace('#', '/'))]).Count());

    [Theory]
    [InlineData("Browser/A.cs", "namespace GptOss.Tools.Browser; using GptOss.Tools.Strings; using GptOss.Reference.Harmony;", 0)]
    [InlineData("Browser/A.cs", "namespace GptOss.Tools.Browser; using GptOss.Tools.Python;", 1)]
    [InlineData("Browser/A.cs", "namespace GptOss.Tools;", 1)]
    [InlineData("A.cs", "namespace GptOss.Tools;", 1)]
    public void A_tool_that_knows_another_or_lies_outside_its_folder_is_found(string path, string text, int findings) =>
        Assert.Equal(findings, HouseRules.ToolFolders([new SourceFile($"{HouseRules.ToolsProject}/{path}", text)]).Count());

    [Theory]
    [InlineData("GptOss.Reference/GptOss.Reference.csproj", "<PackageReference Include=\"AngleSharp\" />", 1)]
    [InlineData("GptOss.Reference/GptOss.Reference.csproj", "<ProjectReference Include=\"..\\GptOss.Tools\\GptOss.Tools.csproj\" />", 1)]
    [InlineData("GptOss.Reference/GptOss.Reference.csproj", "<InternalsVisibleTo Include=\"GptOss.Tools\" />", 0)]
    [InlineData("GptOss.Cli/GptOss.Cli.csproj", "<PackageReference Include=\"AngleSharp\" />", 1)]
    [InlineData("GptOss.Cli/GptOss.Cli.csproj", "<ProjectReference Include=\"..\\GptOss.Tools\\GptOss.Tools.csproj\" />", 0)]
    public void A_library_that_knows_tools_or_html_is_found(string path, string text, int findings) =>
        Assert.Equal(findings, HouseRules.ToolBorders([new SourceFile(path, text)]).Count());

    private static SourceFile[] Around =>
    [
        InLibrary("Generation/Sampler.cs", "public sealed class Sampler;"), InLibrary("Numerics/Kernel.cs", "class Kernel;"),
        InLibrary("Numerics/Formats/Format.cs", "class Format;"),
    ];

    private static SourceFile InLibrary(string path, string text) => new($"{HouseRules.Library}/{path}", text);

    private static IEnumerable<SourceFile> Files(DirectoryInfo folder)
    {
        foreach (FileInfo file in folder.EnumerateFiles())
        {
            if (TextFiles.Contains(file.Extension) || folder.Name == ".ci")
            {
                yield return new SourceFile(
                    Path.GetRelativePath(Repository.Root!, file.FullName).Replace('\\', '/'),
                    File.ReadAllText(file.FullName));
            }
        }
        foreach (DirectoryInfo inner in folder.EnumerateDirectories())
        {
            if (!MadeFolders.Contains(inner.Name))
            {
                foreach (SourceFile file in Files(inner))
                    yield return file;
            }
        }
    }
}
