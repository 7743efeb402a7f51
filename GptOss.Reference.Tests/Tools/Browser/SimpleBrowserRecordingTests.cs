using System.Text.Json.Nodes;
using GptOss.Tools.Lines;
using Xunit;

namespace GptOss.Reference.Tests.Tools.Browser;

/// <summary>All 60 recorded browser sessions, call by call.</summary>
public class SimpleBrowserRecordingTests
{
    /// <summary>
    /// Answers that differ, and why: a negative cursor is an error here, so every cursor after it is one less; and libxml2 ignores
    /// <c>&lt;/br&gt;</c> (a line break in HTML 5, so a find has its hit one line further) and keeps misnested tags and text in tables where
    /// it finds them.
    /// </summary>
    private static readonly Dictionary<string, int[]> MeantToDiffer = new()
    {
        ["1-4-negative-cursor"] = [2, 3, 4, 5, 6, 7],
        ["1-34-negative-cursor"] = [2, 3, 4, 5, 6, 7],
        ["1-26-malformed"] = [0, 1, 2, 3],
    };

    [Fact]
    public void Every_recorded_session_is_reproduced()
    {
        List<string> differences = [];
        int same = 0, raised = 0, sessions = 0;
        foreach (string line in Recordings.Lines("browser.jsonl"))
        {
            JsonNode recorded = JsonNode.Parse(line)!;
            JsonNode answered = JsonNode.Parse(ToolLines.BrowserLine(line).Json)!;
            sessions++;
            JsonArray calls = recorded["calls"]!.AsArray(), results = answered["results"]!.AsArray();
            Assert.Equal(calls.Count, results.Count);
            int[] mayDiffer = MeantToDiffer.GetValueOrDefault((string)recorded["name"]!, []);
            for (int i = 0; i < calls.Count; i++)
            {
                // Where an exception reached the published tool's caller, ours is a clear error; what it left behind is the same.
                bool isRaised = calls[i]!["raises"] is not null;
                bool isSame = isRaised ? results[i]!["error"] is not null : Recordings.Difference(calls[i]!, results[i]!, "result", "error") is null;
                if (isRaised && isSame) raised++;
                else if (isSame) same++;
                if (isSame == mayDiffer.Contains(i))
                    differences.Add($"##### {recorded["name"]} call {i} {calls[i]!["arguments"]}\n--- recorded\n{calls[i]}\n+++ answered\n{results[i]}");
            }
        }
        Assert.True(differences.Count == 0, $"{same} same, {raised} raised, {differences.Count} unexpected\n" + string.Join('\n', differences));
        Assert.Equal((60, 413, 16), (sessions, same, raised));
    }
}
