using System.Text.Json;
using FsCheck;
using FsCheck.Fluent;
using GptOss.Reference.Harmony;
using Xunit;

namespace GptOss.Reference.Tests.Harmony;

public class MessageJsonTests
{
    [Fact]
    public void Content_is_read_as_text_or_list_and_written_as_a_list()
    {
        const string Written = """{"messages":[{"role":"user","name":null,"content":[{"type":"text","text":"hi"}]}]}""";
        Assert.Equal(Written, MessageJson.Text(MessageJson.ReadConversation("""{"messages":[{"role":"user","content":"hi","unknown":1}]}""")));
        Assert.Equal(Written, MessageJson.Text(MessageJson.ReadConversation(Written)));
    }

    [Fact]
    public void Absent_system_content_is_the_default_and_null_is_none()
    {
        Message Read(string fields) => MessageJson.Read(JsonElement.Parse($$"""{"role":"system","content":[{"type":"system_content"{{fields}}}]}"""));
        Assert.Equal(new Message(Role.System, [new SystemContent()]), Read(""));
        var nothing = new SystemContent { ModelIdentity = null, ReasoningEffort = null, KnowledgeCutoff = null, ChannelConfig = null };
        Message none = Read(""","model_identity":null,"reasoning_effort":null,"knowledge_cutoff":null,"channel_config":null,"tools":null""");
        Assert.Equal(new Message(Role.System, [nothing]), none);
        Assert.Equal(none, MessageJson.Read(JsonElement.Parse(MessageJson.Text(none))));
    }

    [Fact]
    public void Every_recorded_conversation_survives_writing_and_reading()
    {
        foreach (string line in RecordedHarmony.Lines("render.jsonl"))
        {
            IReadOnlyList<Message> messages = MessageJson.ReadConversation(JsonElement.Parse(line).GetProperty("conversation"));
            Assert.Equal(messages, MessageJson.ReadConversation(MessageJson.Text(messages)));
        }
    }

    [Theory]
    [InlineData("", "the conversation is not valid JSON at line 1, byte 1.")]
    [InlineData("{\"messages\":[\n{]}", "the conversation is not valid JSON at line 2, byte 2.")]
    [InlineData("[]", "conversation is a list; expected an object.")]
    [InlineData("{}", "conversation has no messages.")]
    [InlineData("""{"messages":3}""", "conversation.messages is a number; expected a list.")]
    [InlineData("""{"messages":["x"]}""", "messages[0] is a string; expected an object.")]
    [InlineData("""{"messages":[{"content":"x"}]}""", "messages[0] has no role.")]
    [InlineData("""{"messages":[{"role":"bot","content":"x"}]}""", "messages[0].role is 'bot'; expected user, assistant, system, developer or tool.")]
    [InlineData("""{"messages":[{"role":"user"}]}""", "messages[0] has no content.")]
    [InlineData("""{"messages":[{"role":"user","content":null}]}""", "messages[0].content is null; expected a string or a list.")]
    [InlineData("""{"messages":[{"role":"user","content":["x"]}]}""", "messages[0].content[0] is a string; expected an object.")]
    [InlineData("""{"messages":[{"role":"user","content":[{"type":"image"}]}]}""",
        "messages[0].content[0].type is 'image'; expected text, system_content or developer_content.")]
    [InlineData("""{"messages":[{"role":"user","content":[{"type":"text"}]}]}""", "messages[0].content[0] has no text.")]
    [InlineData("""{"messages":[{"role":"user","content":"x","channel":1}]}""", "messages[0].channel is a number; expected a string or null.")]
    [InlineData("""{"messages":[{"role":"user","content":"\ud800"}]}""", "A text holds half of a surrogate pair.")]
    [InlineData("""{"messages":[{"role":"system","content":[{"type":"system_content","reasoning_effort":"low"}]}]}""",
        "messages[0].content[0].reasoning_effort is 'low'; expected Low, Medium or High.")]
    [InlineData(
        """{"messages":[{"role":"system","content":[{"type":"system_content","channel_config":{"valid_channels":[1],"channel_required":true}}]}]}""",
        "messages[0].content[0].channel_config.valid_channels[0] is a number; expected a string.")]
    [InlineData(
        """{"messages":[{"role":"developer","content":[{"type":"developer_content","tools":{""" +
        """ "f":{"name":"f","tools":[{"name":"g","description":"","parameters":true}]}}}]}]}""",
        "messages[0].content[0].tools['f'].tools[0].parameters is a boolean; expected an object.")]
    [InlineData("""{"messages":[{"role":"developer","content":[{"type":"developer_content","tools":{"f":{"name":"f"}}}]}]}""",
        "messages[0].content[0].tools['f'] has no tools.")]
    public void What_is_no_conversation_is_refused_in_one_sentence(string json, string message) =>
        Assert.Equal(message, Assert.Throws<HarmonyFormatException>(() => MessageJson.ReadConversation(json)).Message);

    [Fact]
    public void Damaged_lines_give_a_clear_error_or_a_result_and_nothing_else() => Prop.ForAll(Gen.Choose(0, int.MaxValue - 1).ToArbitrary(), seed =>
    {
        var random = new Random(seed);
        string[] pieces = ["\\ud800", "\\udc00", "\"", "{", "}", "[", "]", ",", ":", "null", "true", "1e999", "-1", "\ud800", "\\", "\0", "é",
            "\"role\":", "\"content\":", "\"tools\":"];
        string[] files = ["render.jsonl", "message.jsonl", "parse.jsonl", "stream.jsonl"];
        int file = random.Next(files.Length);
        string[] lines = Recorded[file];
        string line = lines[random.Next(lines.Length)];
        for (int i = random.Next(1, 4); i > 0; i--)
        {
            int at = random.Next(line.Length);
            line = line[..at] + pieces[random.Next(pieces.Length)] + line[Math.Min(line.Length, at + random.Next(12))..];
        }

        Func<string, string> answer = file switch
        {
            0 => RecordedHarmony.Reader.Render,
            1 => RecordedHarmony.Reader.Message,
            2 => RecordedHarmony.Reader.Parse,
            _ => RecordedHarmony.Reader.Stream,
        };
        try
        {
            JsonElement.Parse(answer(line));
        }
        catch (HarmonyFormatException e)
        {
            Assert.Matches(@"^[^\r\n]*\.$", e.Message);
        }
    }).Check(Config.QuickThrowOnFailure.WithMaxTest(20000));

    private static string[][] Recorded { get; } =
        [.. new[] { "render.jsonl", "message.jsonl", "parse.jsonl", "stream.jsonl" }.Select(RecordedHarmony.Lines)];

    [Theory]
    [InlineData("""{"messages":[],"\ud800":1}""")]
    [InlineData("""{"\ud800":1,"messages":[]}""")]
    [InlineData("""{"messages":[{"role":"user","content":"x","\udc00":"\ud800"}]}""")]
    public void Keys_that_are_not_Unicode_give_a_clear_error_or_are_ignored(string json)
    {
        try
        {
            MessageJson.ReadConversation(json);
        }
        catch (HarmonyFormatException)
        {
        }
    }

    [Fact]
    public void Deep_nesting_is_refused()
    {
        string deep = """{"messages":""" + new string('[', 200_000);
        Assert.Throws<HarmonyFormatException>(() => MessageJson.ReadConversation(deep));
    }
}
