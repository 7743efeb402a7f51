using System.Text.RegularExpressions;

namespace GptOss.Reference.Tests.Architecture;

internal static partial class HouseRules
{
    internal const string ToolsProject = "GptOss.Tools";

    /// <summary>Which folders of GptOss.Tools a folder may name. No tool knows another.</summary>
    internal static readonly IReadOnlyDictionary<string, string[]> ToolsMayName = new Dictionary<string, string[]>
    {
        ["Strings"] = [],
        ["Processes"] = [],
        ["ApplyPatch"] = ["Strings"],
        ["Browser"] = ["Strings"],
        ["Functions"] = ["Strings", "Processes"],
        ["Python"] = ["Processes"],
        ["Lines"] = ["Strings", "ApplyPatch", "Browser"],
    };

    /// <summary>Every file of GptOss.Tools is in a folder, declares that folder's namespace, and names only the folders that it may.</summary>
    internal static IEnumerable<string> ToolFolders(IEnumerable<SourceFile> files)
    {
        foreach (SourceFile file in files.Where(file => file.Project == ToolsProject && file.Path.EndsWith(".cs", StringComparison.Ordinal)))
        {
            if (!ToolsMayName.TryGetValue(file.Folder, out string[]? allowed))
            {
                yield return $"{file.Path}: is not in a folder of {ToolsProject}.";
                continue;
            }
            string expected = $"{ToolsProject}.{file.Folder}", found = NamespacePattern().Match(file.Code).Groups["name"].Value;
            if (found != expected) yield return $"{file.Path}: declares namespace '{found}'; expected {expected}.";
            foreach (Match name in ToolNamePattern().Matches(file.Code))
                if (name.Groups["folder"].Value is var folder && folder != file.Folder && !allowed.Contains(folder))
                    yield return $"{file.At(name.Index)}: {file.Folder} may not name {folder}.";
        }
    }

    /// <summary>HTML is parsed in one project, and the library does not know it.</summary>
    internal static IEnumerable<string> ToolBorders(IEnumerable<SourceFile> files) =>
        from file in files
        where file.Project is not (ToolsProject or "GptOss.Reference.Tests") && file.Path.EndsWith(".csproj", StringComparison.Ordinal)
        from Match found in (file.Project == Library ? LibraryBorderPattern() : HtmlPackagePattern()).Matches(file.Text)
        select $"{file.At(found.Index)}: {found.Value} belongs above or in {ToolsProject}.";

    [GeneratedRegex(@"\bGptOss\s*\.\s*Tools\s*\.\s*(?<folder>\w+)")]
    private static partial Regex ToolNamePattern();

    [GeneratedRegex(@"PackageReference Include=""AngleSharp""")]
    private static partial Regex HtmlPackagePattern();

    [GeneratedRegex(@"(?:PackageReference Include=""AngleSharp|ProjectReference Include="".*GptOss\.Tools)[^""]*""")]
    private static partial Regex LibraryBorderPattern();
}
