using System.Text.RegularExpressions;

namespace GptOss.Reference.Tests.Architecture;

/// <summary>The rules of the house, each a function from source files to what breaks it. <c>HouseRulesTests</c> shows every one failing.</summary>
internal static partial class HouseRules
{
    internal const string Library = "GptOss.Reference", Tests = "GptOss.Reference.Tests";
    internal const int LongestFileLines = 450, LongestLine = 150;

    /// <summary>Folders whose results must have the same bits everywhere.</summary>
    private static readonly string[] SameBits = ["Numerics", "Model", "Generation"];

    /// <summary>Every file of the library is in a folder of the house, and every file of every project declares its folder's namespace.</summary>
    internal static IEnumerable<string> Namespaces(IEnumerable<SourceFile> files)
    {
        foreach (SourceFile file in files.Where(file => file.Project.StartsWith("GptOss.", StringComparison.Ordinal) && IsSource(file)))
        {
            string expected = file.Folder is "" ? file.Project : $"{file.Project}.{file.Folder.Replace('/', '.')}";
            if (InLibrary(file) && !Directions.MayName.ContainsKey(file.Folder))
            {
                yield return $"{file.Path}: {(file.Folder is "" ? "the project's root" : file.Folder)} is not a folder of the house.";
            }
            else if (NamespacePattern().Match(file.Code) is { Success: true } found)
            {
                if (found.Groups["name"].Value is var name && name != expected)
                    yield return $"{file.At(found.Index)}: declares namespace {name}; expected {expected}.";
            }
            else if (!file.Path.EndsWith("/Program.cs", StringComparison.Ordinal))
            {
                yield return $"{file.Path}: declares no namespace; expected {expected}.";
            }
        }
    }

    /// <summary>
    /// In the folders that are read as a textbook a file holds one type and has its name; a part of one adds its own, as in A.Part.cs.
    /// </summary>
    internal static IEnumerable<string> TypeFiles(IEnumerable<SourceFile> files)
    {
        foreach (SourceFile file in files.Where(file => InLibrary(file) && file.Area is "Numerics" or "Checkpoints" or "Model"))
        {
            string expected = file.Path.Split('/')[^1].Split('.')[0];
            string[] types = [.. OuterTypePattern().Matches(file.Code).Select(type => type.Groups["name"].Value)];
            if (types is not [var only] || only != expected)
                yield return $"{file.Path}: holds {string.Join(", ", types)}; expected {expected} alone.";
        }
    }

    /// <summary>
    /// The tests mirror what they test: each of their folders is one of the library, or of the project that its first part names. The emulated GPU is
    /// apparatus and has a folder of its own.
    /// </summary>
    internal static IEnumerable<string> TestFolders(IEnumerable<SourceFile> files)
    {
        List<SourceFile> all = [.. files.Where(IsSource)];
        HashSet<string> folders =
            [.. all.Where(file => file.Project is not Tests).SelectMany(file => new[] { file.Project, $"{file.Project}/{file.Folder}" })];
        foreach (string folder in all.Where(file => file.Project is Tests).Select(file => file.Folder).Distinct())
        {
            if (!folders.Contains($"{Library}/{folder}") && !folders.Contains($"GptOss.{folder}")
                && folder is not ("" or "Architecture" or "TestPlatform" or "Cuda/Emulator"))
            {
                yield return $"{Tests}/{folder}: mirrors no folder of the library or of another project.";
            }
        }
    }

    /// <summary>Pointers and native calls live where checked entries hide them.</summary>
    internal static IEnumerable<string> EscapeHatches(IEnumerable<SourceFile> files) =>
        from file in files
        where IsProduct(file) && !(InLibrary(file) && file.Area is "Numerics" or "Checkpoints" or "Cuda")
        from Match found in EscapeHatchPattern().Matches(file.Code)
        select $"{file.At(found.Index)}: {found.Value} belongs in Numerics, Checkpoints or Cuda.";

    /// <summary>The stack holds what the source says, never what a file says: overflowing it ends the process, and nothing can catch that.</summary>
    internal static IEnumerable<string> StackSizes(IEnumerable<SourceFile> files)
    {
        List<SourceFile> product = [.. files.Where(IsProduct)];
        HashSet<string> constants = [.. product.SelectMany(file => ConstantPattern().Matches(file.Code))
            .SelectMany(found => NamePattern().Matches(found.Value)).Select(name => name.Value)];
        foreach (SourceFile file in product)
        {
            foreach (Match found in StackPattern().Matches(file.Code))
            {
                if (NamePattern().Matches(found.Groups["size"].Value).FirstOrDefault(name => !constants.Contains(name.Value)) is { } variable)
                    yield return $"{file.At(found.Index)}: the size of a stackalloc is a constant, but '{variable.Value}' is not.";
            }
        }
    }

    /// <summary>A file that is read in one sitting.</summary>
    internal static IEnumerable<string> Lengths(IEnumerable<SourceFile> files) =>
        from file in files
        where IsSource(file) && file.Project is not Tests
        let lines = file.Text.TrimEnd('\n').Count(c => c == '\n') + 1
        where lines > LongestFileLines
        select $"{file.Path}: {lines} lines; at most {LongestFileLines}.";

    /// <summary>Lines that fit two columns of an editor. What a literal of several lines holds is another's text and is not counted.</summary>
    internal static IEnumerable<string> LineLengths(IEnumerable<SourceFile> files)
    {
        foreach (SourceFile file in files.Where(IsSource))
        {
            string[] lines = file.Text.Split('\n'), code = file.Code.Split('\n');
            for (int i = 0; i < lines.Length; i++)
            {
                bool isText = string.IsNullOrWhiteSpace(code[i]) && !lines[i].TrimStart().StartsWith("//", StringComparison.Ordinal);
                if (lines[i].Length > LongestLine && !isText)
                    yield return $"{file.Path}:{i + 1}: {lines[i].Length} columns; at most {LongestLine}.";
            }
        }
    }

    /// <summary>The arithmetic contract: from weights to a chosen token only operations that IEEE 754 fixes, in an order that we fix.</summary>
    internal static IEnumerable<string> Arithmetic(IEnumerable<SourceFile> files) =>
        from file in files
        where InLibrary(file) && SameBits.Contains(file.Area)
        from Match found in PlatformLuckPattern().Matches(file.Code)
        select $"{file.At(found.Index)}: {found.Value} may differ between platforms, widths or versions.";

    /// <summary>No path of anybody's machine, in code, comments or data.</summary>
    internal static IEnumerable<string> MachinePaths(IEnumerable<SourceFile> files) =>
        from file in files
        from Match found in MachinePathPattern().Matches(file.Text)
        select $"{file.At(found.Index)}: {found.Value} is a path of one machine.";

    internal static bool InLibrary(SourceFile file) => file.Project == Library && IsSource(file);

    private static bool IsSource(SourceFile file) => file.Path.EndsWith(".cs", StringComparison.Ordinal);

    private static bool IsProduct(SourceFile file) => IsSource(file) && file.Project is not (Tests or "GptOss.Benchmarks");

    [GeneratedRegex(@"^\s*namespace\s+(?<name>[\w.]+)", RegexOptions.Multiline)]
    private static partial Regex NamespacePattern();

    [GeneratedRegex(@"\bstackalloc\s+[\w<>*.,\s]+\[(?<size>[^\]]*)\]")]
    private static partial Regex StackPattern();

    [GeneratedRegex(@"\bconst\s+\w+\s[^;]+;")]
    private static partial Regex ConstantPattern();

    [GeneratedRegex(@"\b[A-Za-z_]\w*\b(?!\s*\.)")]
    private static partial Regex NamePattern();

    [GeneratedRegex(@"\b(?:unsafe|LibraryImport|DllImport)\b")]
    private static partial Regex EscapeHatchPattern();

    private const string Transcendental =
        "(?:Exp|Exp2|Exp10|ExpM1|Exp2M1|Exp10M1|Log|Log2|Log10|LogP1|Log2P1|Log10P1|Pow|Cbrt|RootN|Hypot|Sigmoid|Softmax|" +
        "A?(?:Sin|Cos|Tan)(?:h|Pi)?|SinCos(?:Pi)?|Atan2(?:Pi)?)";

    [GeneratedRegex(
        @"\b(?:Math|MathF|float|double|Single|Double|Half|Vector(?:64|128|256|512)?)\s*\.\s*" + Transcendental + @"\b" +
        @"|\bVector(?:64|128|256|512)?\s*\.\s*(?:Sum|Dot)\b" +
        @"|\b(?:Sse|Avx|AdvSimd)\w*(?:\s*\.\s*\w+)*\s*\.\s*(?:Reciprocal|DotProduct)\w*" +
        @"|\bTensorPrimitives\b" +
        @"|\b\w*Estimate\w*")]
    private static partial Regex PlatformLuckPattern();

    // Not after a letter or a dot, so that a link that ends in such a folder is no hit.
    [GeneratedRegex(@"^(?:\w+ )*(?:class|struct|record|interface|enum|delegate\s+[\w<>\[\],.?\s]+?)\s+(?<name>[A-Z]\w*)", RegexOptions.Multiline)]
    private static partial Regex OuterTypePattern();

    [GeneratedRegex(@"(?<![\w./])(?:/(?:work|root)/|/tmp/[w]/|[A-Z]:\\Users\\)")]
    private static partial Regex MachinePathPattern();
}
