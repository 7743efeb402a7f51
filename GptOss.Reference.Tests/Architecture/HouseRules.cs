using System.Text.RegularExpressions;

namespace GptOss.Reference.Tests.Architecture;

/// <summary>One source file: its path from the repository root with forward slashes, and its text.</summary>
internal sealed record SourceFile(string Path, string Text)
{
    /// <summary>The text without comments and literals.</summary>
    internal string Code { get; } = Path.EndsWith(".cs", StringComparison.Ordinal) ? SourceText.CodeOnly(Text) : Text;

    /// <summary>The project's folder, <c>GptOss.Reference</c> for instance; empty at the root.</summary>
    internal string Project => Path.Split('/') is [var project, _, ..] ? project : "";

    /// <summary>The folder inside the project, <c>Numerics</c> for instance; empty beside the project file.</summary>
    internal string Folder => Path.Split('/') is [_, var folder, _, ..] ? folder : "";

    /// <summary>The place of a match, as editors print it.</summary>
    internal string At(int index) => $"{Path}:{Text.AsSpan(0, index).Count('\n') + 1}";
}

/// <summary>The rules of the house, each a function from source files to what breaks it. <c>HouseRulesTests</c> shows every one failing.</summary>
internal static partial class HouseRules
{
    internal const string Library = "GptOss.Reference";
    internal const int LongestFileLines = 450;

    /// <summary>Which folders of the library a folder may name. Data flows one way: nothing names a folder above it.</summary>
    internal static readonly IReadOnlyDictionary<string, string[]> MayName = new Dictionary<string, string[]>
    {
        ["Numerics"] = [],
        ["Tokens"] = [],
        ["Checkpoints"] = ["Numerics", "Tokens"],
        ["Model"] = ["Checkpoints", "Numerics"],
        ["Cuda"] = ["Checkpoints", "Numerics", "Model"],
        ["Generation"] = ["Checkpoints", "Numerics", "Tokens", "Model"],
        ["Oracle"] = ["Checkpoints", "Numerics", "Tokens", "Model", "Generation"],
        ["Harmony"] = ["Checkpoints", "Numerics", "Tokens", "Model", "Generation"],
        ["Chat"] = ["Checkpoints", "Numerics", "Tokens", "Model", "Generation", "Harmony"],
    };

    /// <summary>Folders whose results must have the same bits everywhere.</summary>
    private static readonly string[] SameBits = ["Numerics", "Model", "Generation"];

    /// <summary>Every file stands in a folder of the house and declares that folder's namespace.</summary>
    internal static IEnumerable<string> Namespaces(IEnumerable<SourceFile> files)
    {
        foreach (SourceFile file in files.Where(InLibrary))
        {
            string expected = $"{Library}.{file.Folder}";
            if (!MayName.ContainsKey(file.Folder))
                yield return $"{file.Path}: stands in no folder of the house.";
            else if (NamespacePattern().Match(file.Code) is not { Success: true } found)
                yield return $"{file.Path}: declares no namespace; expected {expected}.";
            else if (found.Groups["name"].Value is var name && name != expected && !name.StartsWith(expected + ".", StringComparison.Ordinal))
                yield return $"{file.At(found.Index)}: declares namespace {name}; expected {expected}.";
        }
    }

    /// <summary>
    /// No folder names a folder that <see cref="MayName"/> does not give it: in a using, by full name, or relative to the namespace that
    /// all share. Numerics names no type of a model either.
    /// </summary>
    internal static IEnumerable<string> Direction(IEnumerable<SourceFile> files)
    {
        List<SourceFile> library = [.. files.Where(InLibrary)];
        HashSet<string> types =
        [
            .. from file in library
               from Match type in TypePattern().Matches(file.Code)
               select $"{file.Folder}.{type.Groups["name"].Value}",
        ];
        foreach (SourceFile file in library)
        {
            string[] allowed = MayName.GetValueOrDefault(file.Folder, []);
            bool IsForbidden(string folder) => folder != file.Folder && MayName.ContainsKey(folder) && !allowed.Contains(folder);

            foreach (Match name in FullNamePattern().Matches(file.Code))
                if (IsForbidden(name.Groups["folder"].Value))
                    yield return $"{file.At(name.Index)}: {file.Folder} may not name {name.Groups["folder"].Value}.";
            foreach (Match name in RelativeNamePattern().Matches(file.Code))
                if (IsForbidden(name.Groups["folder"].Value) && types.Contains($"{name.Groups["folder"].Value}.{name.Groups["type"].Value}"))
                    yield return $"{file.At(name.Index)}: {file.Folder} may not name {name.Groups["folder"].Value}.";
            foreach (Match name in GlobalUsingPattern().Matches(file.Code))
                yield return $"{file.At(name.Index)}: a global using hides which folder names which.";
            if (file.Folder is "Numerics")
                foreach (Match name in ModelTypePattern().Matches(file.Code))
                    yield return $"{file.At(name.Index)}: Numerics knows no model, but names {name.Value}.";
        }
    }

    /// <summary>Pointers and native calls live where checked entries hide them.</summary>
    internal static IEnumerable<string> EscapeHatches(IEnumerable<SourceFile> files) =>
        from file in files
        where IsProduct(file) && !(InLibrary(file) && file.Folder is "Numerics" or "Checkpoints" or "Cuda")
        from Match found in EscapeHatchPattern().Matches(file.Code)
        select $"{file.At(found.Index)}: {found.Value} belongs in Numerics, Checkpoints or Cuda.";

    /// <summary>The stack holds what the source says, never what a file says: overflowing it ends the process, and nothing can catch that.</summary>
    internal static IEnumerable<string> StackSizes(IEnumerable<SourceFile> files)
    {
        List<SourceFile> product = [.. files.Where(IsProduct)];
        HashSet<string> constants = [.. product.SelectMany(file => ConstantPattern().Matches(file.Code)).SelectMany(found => NamePattern().Matches(found.Value)).Select(name => name.Value)];
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
        where file.Path.EndsWith(".cs", StringComparison.Ordinal) && file.Project is not "GptOss.Reference.Tests"
        let lines = file.Text.TrimEnd('\n').Count(c => c == '\n') + 1
        where lines > LongestFileLines
        select $"{file.Path}: {lines} lines; at most {LongestFileLines}.";

    /// <summary>The arithmetic contract: from weights to a chosen token only operations that IEEE 754 fixes, in an order that we fix.</summary>
    internal static IEnumerable<string> Arithmetic(IEnumerable<SourceFile> files) =>
        from file in files
        where InLibrary(file) && SameBits.Contains(file.Folder)
        from Match found in PlatformLuckPattern().Matches(file.Code)
        select $"{file.At(found.Index)}: {found.Value} may differ between platforms, widths or versions.";

    /// <summary>Every folder's page ends by saying what the folder may name, as <see cref="MayName"/> has it.</summary>
    internal static IEnumerable<string> FolderPages(IEnumerable<SourceFile> files)
    {
        List<SourceFile> all = [.. files];
        foreach (string folder in all.Where(InLibrary).Select(file => file.Folder).Distinct().Where(MayName.ContainsKey))
        {
            string page = $"{Library}/{folder}/README.md";
            string expected = $"May use: {(MayName[folder] is { Length: > 0 } names ? string.Join(", ", names) : "no other folder")}.";
            if (all.Find(file => file.Path == page) is not { } found)
                yield return $"{page}: missing; every folder says what it knows and what it may use.";
            else if (found.Text.TrimEnd().Split('\n')[^1] != expected)
                yield return $"{page}: the last line is to be '{expected}'.";
        }
    }

    /// <summary>No path of anybody's machine, in code, comments or data.</summary>
    internal static IEnumerable<string> MachinePaths(IEnumerable<SourceFile> files) =>
        from file in files
        from Match found in MachinePathPattern().Matches(file.Text)
        select $"{file.At(found.Index)}: {found.Value} is a path of one machine.";

    private static bool InLibrary(SourceFile file) => file.Project == Library && file.Path.EndsWith(".cs", StringComparison.Ordinal);

    private static bool IsProduct(SourceFile file) => file.Project is Library or ToolsProject or "GptOss.Cli" && file.Path.EndsWith(".cs", StringComparison.Ordinal);

    [GeneratedRegex(@"^\s*namespace\s+(?<name>[\w.]+)", RegexOptions.Multiline)]
    private static partial Regex NamespacePattern();

    [GeneratedRegex(@"\bGptOss\s*\.\s*Reference\s*\.\s*(?<folder>\w+)")]
    private static partial Regex FullNamePattern();

    [GeneratedRegex(@"(?<![\w.])(?:Reference\s*\.\s*)?(?<folder>[A-Z]\w*)\s*\.\s*(?<type>[A-Z]\w*)")]
    private static partial Regex RelativeNamePattern();

    [GeneratedRegex(@"\b(?:class|struct|record|interface|enum|delegate\s+[\w<>\[\],.?\s]+?)\s+(?<name>[A-Z]\w*)")]
    private static partial Regex TypePattern();

    [GeneratedRegex(@"\bglobal\s+using\s+(?:static\s+|\w+\s*=\s*)?GptOss\b")]
    private static partial Regex GlobalUsingPattern();

    [GeneratedRegex(@"\bGptOss\w+")]
    private static partial Regex ModelTypePattern();

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
    [GeneratedRegex(@"(?<![\w./])(?:/(?:work|root)/|/tmp/[w]/|[A-Z]:\\Users\\)")]
    private static partial Regex MachinePathPattern();
}
