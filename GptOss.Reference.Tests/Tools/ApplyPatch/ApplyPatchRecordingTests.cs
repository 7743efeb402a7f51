using System.Text.Json.Nodes;
using GptOss.Reference.Tests.Checkpoints;
using GptOss.Tools.ApplyPatch;
using GptOss.Tools.Lines;
using Xunit;

namespace GptOss.Reference.Tests.Tools.ApplyPatch;

/// <summary>All 240 recorded patches, in memory and in a folder.</summary>
public class ApplyPatchRecordingTests
{
    /// <summary>What differs on purpose: six paths leave the root, one file is moved onto itself, and two files keep their CR LF.</summary>
    private static bool IsMeantToDiffer(JsonNode line) => line["escapes"] is not null || IsNamed(line, "move-to-itself", "crlf-file", "crlf-both");

    private static bool IsNamed(JsonNode line, params string[] ends) => ends.Any(end => ((string)line["name"]!).EndsWith($"-{end}", StringComparison.Ordinal));

    [Fact]
    public void Every_recorded_patch_is_reproduced()
    {
        string[] lines = [.. Recordings.Lines("apply_patch.jsonl")];
        Assert.Equal(240, lines.Length);
        List<string> differences = [];
        int compared = 0;
        foreach (string line in lines)
        {
            JsonNode recorded = JsonNode.Parse(line)!;
            if (IsMeantToDiffer(recorded)) continue;
            compared++;
            if (Recordings.Difference(recorded, JsonNode.Parse(ToolLines.ApplyPatchLine(line).Json)!, "name", "after", "error") is { } difference) differences.Add(difference);
        }
        Assert.Equal(231, compared);
        Assert.True(differences.Count == 0, string.Join('\n', differences));
    }

    [Fact]
    public void Every_recorded_patch_does_the_same_to_a_folder_unless_it_replaces_a_file()
    {
        List<string> differences = [];
        int refused = 0;
        foreach (string line in Recordings.Lines("apply_patch.jsonl"))
        {
            JsonNode recorded = JsonNode.Parse(line)!;
            if (IsMeantToDiffer(recorded)) continue;
            using var folder = new TemporaryFolder();
            foreach ((string path, JsonNode? text) in recorded["files"]!.AsObject())
            {
                Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(folder.Path, path))!);
                File.WriteAllText(Path.Combine(folder.Path, path), (string)text!);
            }
            string? error = null;
            try
            {
                Patch.ApplyToFolder((string)recorded["patch"]!, folder.Path);
            }
            catch (PatchException e)
            {
                error = e.Message;
            }
            JsonObject after = [];
            foreach (string file in Directory.EnumerateFiles(folder.Path, "*", SearchOption.AllDirectories))
                after[Path.GetRelativePath(folder.Path, file).Replace('\\', '/')] = File.ReadAllText(file);
            if (IsNamed(recorded, "add-over-existing", "move-onto-existing", "move-then-add", "swap"))
            {
                refused++;
                if (error?.Contains(" File Error - file already exists: ", StringComparison.Ordinal) != true || !JsonNode.DeepEquals(recorded["files"], after))
                    differences.Add($"{recorded["name"]}: {error ?? "replaces a file"}");
                continue;
            }
            JsonNode expected = recorded["after"] ?? recorded["files"]!;        // An error changes nothing.
            if (error != (string?)recorded["error"] || !JsonNode.DeepEquals(expected, after))
                differences.Add($"{recorded["name"]}: {error ?? after.ToJsonString()}");
        }
        Assert.True(differences.Count == 0, string.Join('\n', differences));
        Assert.Equal(4, refused);
    }

    [Fact]
    public void A_recorded_path_outside_the_root_is_an_error()
    {
        string[] escapes = [.. Recordings.Lines("apply_patch.jsonl").Where(line => JsonNode.Parse(line)!["escapes"] is not null)];
        Assert.Equal(6, escapes.Length);
        Assert.All(escapes, line => Assert.EndsWith(": the path leaves the root folder.", (string)JsonNode.Parse(ToolLines.ApplyPatchLine(line).Json)!["error"]!));
    }

    [Fact]
    public void A_recorded_move_onto_itself_keeps_the_file()
    {
        string line = Recordings.Lines("apply_patch.jsonl").Single(line => Recordings.Name(line).EndsWith("move-to-itself", StringComparison.Ordinal));
        JsonNode answered = JsonNode.Parse(ToolLines.ApplyPatchLine(line).Json)!;
        Assert.Equal(
            "print(query, engine89)\nimport value, value11\nif engine < limit93:\nlimit = limit95\nprint(query, naïve22)\n    print(naïve, list59)\n",
            (string)answered["after"]!["format"]!);
    }
}
