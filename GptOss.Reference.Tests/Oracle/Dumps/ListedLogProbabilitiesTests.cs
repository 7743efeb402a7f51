using GptOss.Reference.Ground;
using GptOss.Reference.Oracle.Dumps;
using GptOss.Reference.Tests.Checkpoints;
using Xunit;

namespace GptOss.Reference.Tests.Oracle.Dumps;

public sealed class ListedLogProbabilitiesTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("""[{"17": -0.5, "3": -1.25}, null, {"0": -2}]""")]
    [InlineData("""{"logprobs": [{"token_id:17": -0.5, "3": -1.25}, null, {"0": -2}]}""")]
    [InlineData("""{"id": "x", "prompt_logprobs": [null, {"17": {"logprob": -0.5, "rank": 1}, "3": {"logprob": -1.25}}, null, {"0": {"logprob": -2}}]}""")]
    public void Lists_of_servers_are_read(string text)
    {
        ListedLogProbabilities read = ListedLogProbabilities.Read(_folder.Write("a.json", text));
        Assert.Equal(new Dictionary<int, double> { [17] = -0.5, [3] = -1.25 }, read.Rows[0]);
        Assert.Null(read.Rows[1]);
        Assert.Equal(new Dictionary<int, double> { [0] = -2 }, read.Rows[2]);
    }

    [Theory]
    [InlineData("", "the file is empty; expected JSON.")]
    [InlineData("{}", "there is no list of log-probabilities; expected [{\"17\": -0.5, …}, null, …], one entry for each position.")]
    [InlineData("[null]", "the list holds no log-probabilities.")]
    [InlineData("[3]", "entry 0 is 3; expected an object of token ids and log-probabilities, or null.")]
    [InlineData("""[{" Paris": -1}]""",
        "entry 0 has the key ' Paris'; expected token ids (servers that print text need an option such as return_tokens_as_token_ids).")]
    [InlineData("""[{"1": "x"}]""", "entry 0 has 'x' for token 1; expected a log-probability, which is at most 0.")]
    [InlineData("""[{"1": 1e999}]""", "entry 0 has 1e999 for token 1; expected a log-probability, which is at most 0.")]
    [InlineData("""[{"1": 0.5}]""", "entry 0 has 0.5 for token 1; expected a log-probability, which is at most 0.")]
    [InlineData("""[{"1": -1, "token_id:1": -1}]""", "entry 0 has token 1 twice.")]
    [InlineData("""[{"1": -1, "1": -1}]""", "the document has two equal keys in one object.")]
    [InlineData("[{", "the document is not valid JSON at line 1, byte 3.")]
    public void Other_lists_are_one_sentence(string text, string sentence) => Assert.Equal($"a.json: {sentence}",
        Assert.Throws<CheckpointFormatException>(() => ListedLogProbabilities.Read(_folder.Write("a.json", text))).Message);

    [Fact]
    public void Chosen_ids_are_read_or_refused()
    {
        Assert.Equal([5, 7], ChosenIds.Read(_folder.Write("a.json", "[5, 7]")));
        Assert.Equal([5, 7], ChosenIds.Read(_folder.Write("a.json", """{"ids": [5, 7], "text": "x"}""")));
        foreach ((string text, string sentence) in ((string, string)[])
            [("[]", "there is no list of token ids; expected [17, 4, …]."), ("{}", "there is no list of token ids; expected [17, 4, …]."),
             ("[1, -2]", "entry 1 is -2; expected a token id."), ("[1.5]", "entry 0 is 1.5; expected a token id."), ("[\"a\"]", "entry 0 is 'a'; expected a token id.")])
        {
            Assert.Equal($"a.json: {sentence}", Assert.Throws<CheckpointFormatException>(() => ChosenIds.Read(_folder.Write("a.json", text))).Message);
        }
    }
}
