using System.Text.Json;
using Xunit;

namespace GptOss.Reference.Tests.Harmony;

/// <summary>Every recorded line of the published library: token for token, message for message, state for state, byte for byte as JSON.</summary>
public class RecordedHarmonyTests
{
    private static void Check(string file, int count, Func<string, string> ours, params string[] keys)
    {
        string[] lines = RecordedHarmony.Lines(file);
        Assert.Equal(count, lines.Length);
        string[] differences = [.. lines.Select(line => RecordedHarmony.Difference(line, ours(line), keys)).OfType<string>()];
        Assert.True(differences.Length == 0, $"{differences.Length} of {count} differ. {differences.FirstOrDefault()}");
    }

    [Fact]
    public void Conversations_render_as_recorded() => Check("render.jsonl", 300, RecordedHarmony.Reader.Render, "tokens", "error");

    [Fact]
    public void Messages_render_as_recorded() => Check("message.jsonl", 150, RecordedHarmony.Reader.Message, "tokens", "error");

    [Fact]
    public void Streams_parse_as_recorded() => Check("parse.jsonl", 150, line =>
    {
        var ours = JsonElement.Parse(RecordedHarmony.Reader.Parse(line));
        Assert.Equal(["name", "strict", "lenient", "recovering"], ours.EnumerateObject().Select(property => property.Name));
        Assert.Equal(["messages", "repairs"], ours.GetProperty("recovering").EnumerateObject().Select(property => property.Name));
        return $"{{{string.Join(',', new[] { "name", "strict", "lenient" }.Select(key => $"\"{key}\":{ours.GetProperty(key).GetRawText()}"))}}}";
    }, "strict", "lenient");

    [Fact]
    public void Streams_pass_through_the_recorded_states() => Check("stream.jsonl", 76, RecordedHarmony.Reader.Stream, "steps", "eos", "messages");

    [Fact]
    public void A_stream_may_state_its_tokens_instead_of_steps()
    {
        foreach (string line in RecordedHarmony.Lines("stream.jsonl").Take(8))
        {
            var recorded = JsonElement.Parse(line);
            string tokens = string.Join(',', recorded.GetProperty("steps").EnumerateArray().Select(step => step.GetProperty("token").GetRawText()));
            string stated = $"{{\"name\":{recorded.GetProperty("name").GetRawText()},\"role\":{recorded.GetProperty("role").GetRawText()}," +
                $"\"strict\":{recorded.GetProperty("strict").GetRawText()},\"tokens\":[{tokens}]}}";
            Assert.Equal(RecordedHarmony.Reader.Stream(line), RecordedHarmony.Reader.Stream(stated));
        }
    }

    [Fact]
    public void Recovering_loses_no_text_of_a_recorded_stream_and_agrees_with_strict()
    {
        foreach (string line in RecordedHarmony.Lines("parse.jsonl"))
        {
            RecoveringTests.CheckRecovery([.. JsonElement.Parse(line).GetProperty("tokens").EnumerateArray().Select(id => id.GetInt32())],
                JsonElement.Parse(line).GetProperty("role").GetString() is null ? null : GptOss.Reference.Harmony.Role.Assistant);
        }
    }
}
