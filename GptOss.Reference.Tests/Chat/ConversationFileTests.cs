using GptOss.Reference.Chat;
using GptOss.Reference.Harmony;
using GptOss.Reference.Tests.Checkpoints;
using GptOss.Tools.ApplyPatch;
using Xunit;

namespace GptOss.Reference.Tests.Chat;

public class ConversationFileTests(TinyModel tiny) : IClassFixture<TinyModel>
{
    [Fact]
    public async Task A_saved_conversation_goes_on_as_if_it_had_not_been_away()
    {
        using var folder = new TemporaryFolder();
        Conversation conversation =
            tiny.Conversation(options => options with { Instructions = "Be brief.", Tools = [ScriptedTool.Weather(_ => "{}")] });
        await conversation.AskAsync("What is the capital of Norway?", TestContext.Current.CancellationToken).ToResultAsync();
        await conversation.AskAsync("What's the weather in Paris?", TestContext.Current.CancellationToken).ToResultAsync();
        string path = folder.File("talk.json");
        ConversationFile.Save(path, conversation.Messages);
        ConversationFile.Save(path, conversation.Messages);
        Assert.Equal(["talk.json"], Directory.EnumerateFiles(folder.File(".")).Select(Path.GetFileName));

        StoredConversation stored = ConversationFile.Load(path);
        Assert.Equal((TinyModel.Date, "Be brief."), (stored.System!.ConversationStartDate, stored.Instructions));
        Assert.Equal(["functions.get_current_weather"], stored.DeclaredTools);
        Conversation other =
            tiny.Conversation(options =>
                options with { System = stored.System, Instructions = stored.Instructions, Tools = conversation.Options.Tools });
        other.Replace(stored.Turns);
        Assert.Equal((2, MessageJson.Text(conversation.Messages)), (other.Turns, MessageJson.Text(other.Messages)));
        Assert.Equal(conversation.PromptTokens, other.PromptTokens);
        Assert.Equal(MessageJson.ReadConversation(File.ReadAllText(path)), conversation.Messages);
    }

    [Fact]
    public void A_file_that_cannot_be_written_leaves_everything_as_it_was()
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write("talk.json", "old");
        string missing = folder.File("missing/talk.json");
        Assert.Equal($"{missing} was not written: Could not find a part of the path '{missing}'.",
            Assert.Throws<IOException>(() => ConversationFile.Save(missing, [])).Message);
        Assert.Throws<IOException>(() => ConversationFile.Save(folder.File("."), []));
        Assert.Equal("old", File.ReadAllText(path));
        Assert.Single(Directory.EnumerateFileSystemEntries(folder.File(".")));
    }

    [Theory]
    [InlineData("""{"role":"user","content":"a"},{"role":"system","content":[{"type":"system_content"}]}""",
        "messages[1] is a system message; it may only come at the beginning, system before developer.")]
    [InlineData("""{"role":"system","content":"Obey."}""", "messages[0] is a system message of plain text; expected one item of system content.")]
    [InlineData("""{"role":"tool","content":"a"}""", "messages[0] is a tool's message without the tool's name.")]
    [InlineData("""{"role":"tool","name":"python to=user","content":"a"}""",
        "messages[0].name has white space in it; expected one word.")]
    [InlineData("""{"role":"assistant","channel":"final\nx","content":"a"}""",
        "messages[0].channel has white space in it; expected one word.")]
    [InlineData("""{"role":"user","content":[{"type":"developer_content","instructions":"a"}]}""",
        "messages[0] is a message of the user with content that is not text.")]
    public void What_cannot_be_a_conversation_is_refused(string messages, string expected)
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write("talk.json", $$"""{"messages":[{{messages}}]}""");
        Assert.Equal(expected, Assert.Throws<HarmonyFormatException>(() => ConversationFile.Load(path)).Message);
    }

    [Fact]
    public async Task A_pipe_is_read_and_a_device_without_an_end_is_refused()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Pipes and devices have no names in folders there.");
        using var folder = new TemporaryFolder();
        string pipe = folder.File("pipe");
        using (var made = System.Diagnostics.Process.Start("mkfifo", [pipe]))
            await made.WaitForExitAsync(TestContext.Current.CancellationToken);
        var writer = Task.Run(() => File.WriteAllText(pipe, """{"messages":[{"role":"user","content":"Hi"}]}"""),
            TestContext.Current.CancellationToken);
        Assert.Equal("Hi", Assert.Single(ConversationFile.Load(pipe).Turns).Text);
        await writer;
        Assert.Equal($"/dev/zero is larger than {ConversationFile.LargestBytes} bytes.",
            Assert.Throws<HarmonyFormatException>(() => ConversationFile.Load("/dev/zero")).Message);
    }

    [Fact]
    public void A_file_that_is_no_text_or_too_large_is_refused()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder.File("bytes"), [0xFF, 0xFE, 0x41]);
        Assert.Throws<HarmonyFormatException>(() => ConversationFile.Load(folder.File("bytes")));
        using (FileStream sparse = File.Create(folder.File("large")))
            sparse.SetLength(ConversationFile.LargestBytes + 1);
        Assert.Contains("is larger than 67108864 bytes.",
            Assert.Throws<HarmonyFormatException>(() => ConversationFile.Load(folder.File("large"))).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Be brief.")]
    [InlineData(null)]
    public void What_a_tool_adds_to_the_instructions_is_added_once(string? instructions)
    {
        Conversation conversation = tiny.Conversation(options => options with { Instructions = instructions, Tools = [new ApplyPatchTool(".")] });
        var said = (DeveloperContent)conversation.Messages[1].Content[0];
        Assert.Equal((instructions is null ? "" : instructions + "\n") + BuiltInTools.ApplyPatchInstructions, said.Instructions);
        Assert.Equal(instructions, ConversationFile.Of(conversation.Messages).Instructions);
    }

    [Fact]
    public void Plain_developer_text_counts_as_instructions_and_a_greeting_as_a_turn()
    {
        StoredConversation stored = ConversationFile.Of(
        [
            new Message(Role.Developer, "Be brief."), new Message(Role.Assistant, "Hello!") { Channel = "final" }, new Message(Role.User, "Hi"),
            new Message(Role.User, "there"),
        ]);
        Assert.Equal((null, "Be brief."), (stored.System, stored.Instructions));
        Conversation conversation = tiny.Conversation();
        conversation.Replace(stored.Turns);
        Assert.Equal(2, conversation.Turns);
        Assert.Equal("Hithere", conversation.Undo());
    }
}
