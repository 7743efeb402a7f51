using System.Text.RegularExpressions;

namespace GptOss.Reference.Tests.Architecture;

/// <summary>Which folder of the library names which. Data flows one way at every level: there is no circle of folders.</summary>
internal static partial class Directions
{
    /// <summary>What each folder may name, lower folders first. A name stands for the folder and for all that it holds.</summary>
    internal static readonly IReadOnlyDictionary<string, string[]> MayName = new Dictionary<string, string[]>
    {
        ["Ground"] = [],

        ["Numerics/Buffers"] = [],
        ["Numerics/Workers"] = [],
        ["Numerics/Lanes"] = [],
        ["Numerics/Tiles"] = ["Numerics/Lanes"],
        ["Numerics/Integers"] = ["Numerics/Buffers", "Numerics/Workers", "Numerics/Lanes"],
        ["Numerics/Formats"] = ["Numerics/Buffers", "Numerics/Workers", "Numerics/Lanes", "Numerics/Tiles", "Numerics/Integers"],
        ["Numerics/Formats/Blocks"] =
        [
            "Numerics/Buffers", "Numerics/Workers", "Numerics/Lanes", "Numerics/Tiles", "Numerics/Integers", "Numerics/Formats",
        ],
        ["Numerics/Products"] =
        [
            "Numerics/Buffers", "Numerics/Workers", "Numerics/Lanes", "Numerics/Tiles", "Numerics/Integers", "Numerics/Formats",
        ],
        ["Numerics/Caches"] = ["Ground", "Numerics/Buffers", "Numerics/Lanes"],
        ["Numerics/Attention"] = ["Numerics/Buffers", "Numerics/Workers", "Numerics/Lanes", "Numerics/Caches"],
        ["Numerics/RowKernels"] = ["Numerics/Buffers", "Numerics/Workers", "Numerics/Lanes"],
        ["Numerics/Ceilings"] = ["Numerics/Workers", "Numerics/Lanes"],
        ["Numerics"] =
        [
            "Ground", "Numerics/Buffers", "Numerics/Workers", "Numerics/Lanes", "Numerics/Integers", "Numerics/Formats", "Numerics/Products",
            "Numerics/Caches",
            "Numerics/Attention",
            "Numerics/RowKernels",
        ],

        ["Checkpoints/Storage"] = ["Ground", "Numerics/Buffers"],
        ["Checkpoints/Safetensors"] = ["Ground", "Checkpoints/Storage"],
        ["Checkpoints/Configuration"] = ["Ground", "Numerics", "Checkpoints/Storage", "Checkpoints/Safetensors"],
        ["Checkpoints/Gguf"] = ["Ground", "Numerics", "Tokens", "Checkpoints/Storage", "Checkpoints/Configuration"],
        ["Checkpoints"] =
        [
            "Ground", "Numerics", "Tokens", "Checkpoints/Storage", "Checkpoints/Safetensors", "Checkpoints/Configuration", "Checkpoints/Gguf",
        ],

        ["Tokens"] = ["Ground"],

        ["Model/Stages"] = [],
        ["Model"] = ["Ground", "Numerics", "Checkpoints", "Model/Stages"],
        ["Model/Hooks"] = ["Ground", "Numerics", "Checkpoints", "Model"],

        ["Cuda"] = ["Ground", "Numerics", "Checkpoints", "Model"],

        ["Generation"] = ["Ground", "Numerics", "Checkpoints", "Tokens", "Model"],
        ["Generation/Constraints/Languages"] = [],
        ["Generation/Constraints/Grammar"] = ["Generation/Constraints/Languages"],
        ["Generation/Constraints/Schemas"] = ["Generation/Constraints/Languages", "Generation/Constraints/Grammar"],
        ["Generation/Constraints/Masks"] = ["Tokens", "Generation/Constraints/Languages", "Generation/Constraints/Grammar"],
        ["Generation/Constraints"] =
        [
            "Ground", "Tokens", "Generation", "Generation/Constraints/Languages", "Generation/Constraints/Grammar", "Generation/Constraints/Schemas",
            "Generation/Constraints/Masks",
        ],

        ["Harmony"] = ["Ground", "Numerics", "Checkpoints", "Tokens", "Model", "Generation"],
        ["Chat"] = ["Ground", "Numerics", "Checkpoints", "Tokens", "Model", "Generation", "Harmony"],

        ["Serving"] = ["Ground", "Numerics", "Checkpoints", "Tokens", "Model", "Generation", "Harmony"],

        ["Oracle/Synthetic"] = ["Ground", "Numerics", "Checkpoints"],
        ["Oracle/Stages"] = ["Ground", "Numerics", "Checkpoints", "Model"],
        ["Oracle/Routing"] = ["Ground", "Numerics", "Checkpoints", "Model", "Oracle/Stages"],
        ["Oracle/Traces"] = ["Ground", "Numerics", "Checkpoints", "Model", "Oracle/Stages", "Oracle/Routing"],
        ["Oracle/Packs"] = ["Ground", "Numerics", "Checkpoints", "Model", "Oracle/Synthetic", "Oracle/Stages", "Oracle/Traces"],
        ["Oracle/Verification"] =
        [
            "Ground", "Numerics", "Checkpoints", "Tokens", "Model", "Generation", "Oracle/Synthetic", "Oracle/Stages", "Oracle/Traces",
            "Oracle/Packs",
        ],
        ["Oracle/Dumps"] = ["Ground", "Numerics", "Checkpoints", "Model", "Oracle/Stages", "Oracle/Traces", "Oracle/Packs"],
        ["Oracle/Scoring"] = ["Ground", "Numerics", "Checkpoints", "Tokens", "Model", "Generation", "Oracle/Packs", "Oracle/Dumps"],
        ["Oracle/Diff"] = ["Ground", "Numerics", "Checkpoints", "Model", "Oracle/Stages", "Oracle/Packs", "Oracle/Dumps", "Oracle/Scoring"],
        ["Oracle/Defects"] = ["Ground", "Numerics", "Checkpoints", "Model"],
        ["Oracle/Diagnosis"] =
        [
            "Ground", "Numerics", "Checkpoints", "Model", "Generation", "Oracle/Stages", "Oracle/Traces", "Oracle/Verification", "Oracle/Dumps",
            "Oracle/Diff", "Oracle/Defects",
        ],
    };

    /// <summary>
    /// No folder names another against <see cref="MayName"/>: in a using, by full name, relative to a namespace that both share, or by the bare name
    /// of a type of an outer folder. Numerics names no type of a model either.
    /// </summary>
    internal static IEnumerable<string> Direction(IEnumerable<SourceFile> files)
    {
        List<SourceFile> library = [.. files.Where(HouseRules.InLibrary)];
        foreach ((SourceFile file, int index, string folder) in AgainstTheFlow(library))
            yield return $"{file.At(index)}: {file.Folder} may not name {folder}.";
        foreach (SourceFile file in library)
        {
            foreach (Match name in GlobalUsingPattern().Matches(file.Code))
                yield return $"{file.At(name.Index)}: a global using hides which folder names which.";
            if (file.Area is "Numerics")
            {
                foreach (Match name in ModelTypePattern().Matches(file.Code))
                    yield return $"{file.At(name.Index)}: Numerics knows no model, but names {name.Value}.";
            }
        }
    }

    /// <summary>The table itself has no circle.</summary>
    internal static IEnumerable<string> Circles(IReadOnlyDictionary<string, string[]> table)
    {
        List<string> left = [.. table.Keys];
        while (left.Find(folder => !left.Exists(other => other != folder && table[folder].Any(name => IsWithin(other, name)))) is { } lowest)
            left.Remove(lowest);
        if (left.Count > 0)
            yield return $"{string.Join(", ", left)} name each other in a circle, or a folder of one.";
    }

    /// <summary>Every outer folder's page names each of its folders, and ends by saying which others may be used.</summary>
    internal static IEnumerable<string> FolderPages(IEnumerable<SourceFile> files)
    {
        List<SourceFile> all = [.. files];
        foreach (IGrouping<string, string> area in all.Where(HouseRules.InLibrary).Select(file => file.Folder).Distinct()
            .Where(MayName.ContainsKey).GroupBy(folder => folder.Split('/')[0]))
        {
            string page = $"{HouseRules.Library}/{area.Key}/README.md";
            if (all.Find(file => file.Path == page) is not { } found)
            {
                yield return $"{page}: missing; every folder says what it knows and what it may use.";
                continue;
            }
            foreach (string inner in area.Where(folder => folder.Contains('/')).Select(folder => folder.Split('/')[1]))
            {
                if (!found.Text.Contains($"`{inner}/`", StringComparison.Ordinal))
                    yield return $"{page}: says nothing of `{inner}/`.";
            }
            IEnumerable<string> used = MayName.Where(row => row.Key.Split('/')[0] == area.Key).SelectMany(row => row.Value)
                .Select(name => name.Split('/')[0]);
            string[] others = [.. MayName.Keys.Select(name => name.Split('/')[0]).Distinct().Where(name => name != area.Key && used.Contains(name))];
            string expected = $"May use: {(others.Length > 0 ? string.Join(", ", others) : "no other folder")}.";
            if (found.Text.TrimEnd().Split('\n')[^1] != expected)
                yield return $"{page}: the last line is to be '{expected}'.";
        }
    }

    private static IEnumerable<(SourceFile File, int Index, string Folder)> AgainstTheFlow(List<SourceFile> library)
    {
        ILookup<string, string> types = (
            from file in library
            from Match type in TypePattern().Matches(file.Code)
            select (file.Folder, Name: type.Groups["name"].Value)).ToLookup(type => type.Folder, type => type.Name);
        return
            from file in library
            from named in Named(file, types)
            where named.Folder != file.Folder && !MayName.GetValueOrDefault(file.Folder, []).Any(allowed => IsWithin(named.Folder, allowed))
            select (file, named.Index, named.Folder);
    }

    private static IEnumerable<(int Index, string Folder)> Named(SourceFile file, ILookup<string, string> types)
    {
        foreach (Match name in QualifiedNamePattern().Matches(file.Code))
        {
            string[] parts = WhiteSpace().Replace(name.Value, "").Split('.');
            bool full = parts is ["GptOss", "Reference", _, ..];
            string[] path = full ? parts[2..] : parts[0] == "Reference" ? parts[1..] : parts;
            foreach (string outer in full ? [""] : Outer(file.Folder).Append(""))
            {
                // The longest folder that the name begins with; outside usings and full names it counts only in front of one of its types.
                int length = Enumerable.Range(1, path.Length).LastOrDefault(count => MayName.ContainsKey(Join(outer, path[..count])));
                if (length > 0 && (full || length < path.Length && types[Join(outer, path[..length])].Contains(path[length])))
                {
                    yield return (name.Index, Join(outer, path[..length]));
                    break;
                }
            }
        }
        foreach (string outer in Outer(file.Folder))
        {
            HashSet<string> names = [.. types[outer].Except(types[file.Folder])];
            foreach (Match name in BareNamePattern().Matches(file.Code))
            {
                if (names.Contains(name.Value))
                    yield return (name.Index, outer);
            }
        }
    }

    /// <summary>The folders around one, nearest first.</summary>
    private static IEnumerable<string> Outer(string folder)
    {
        while (folder.LastIndexOf('/') is var cut and >= 0)
            yield return folder = folder[..cut];
    }

    private static bool IsWithin(string folder, string outer) => folder == outer || folder.StartsWith(outer + "/", StringComparison.Ordinal);

    private static string Join(string outer, string[] inner) => outer is "" ? string.Join('/', inner) : $"{outer}/{string.Join('/', inner)}";

    [GeneratedRegex(@"(?<![\w.])[A-Z]\w*(?:\s*\.\s*[A-Z]\w*)+")]
    private static partial Regex QualifiedNamePattern();

    [GeneratedRegex(@"(?<![\w.])[A-Z]\w*")]
    private static partial Regex BareNamePattern();

    [GeneratedRegex(@"\s")]
    private static partial Regex WhiteSpace();

    [GeneratedRegex(@"\b(?:class|struct|record|interface|enum|delegate\s+[\w<>\[\],.?\s]+?)\s+(?<name>[A-Z]\w*)")]
    private static partial Regex TypePattern();

    [GeneratedRegex(@"\bglobal\s+using\s+(?:static\s+|\w+\s*=\s*)?GptOss\b")]
    private static partial Regex GlobalUsingPattern();

    [GeneratedRegex(@"\bGptOss(?!Exception\b)\w+")]
    private static partial Regex ModelTypePattern();
}
