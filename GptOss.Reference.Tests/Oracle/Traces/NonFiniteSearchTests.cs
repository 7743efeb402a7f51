using GptOss.Reference.Model;
using GptOss.Reference.Model.Stages;
using GptOss.Reference.Oracle.Traces;
using GptOss.Reference.Tests.Cli;
using GptOss.Reference.Tests.Model;
using Xunit;

namespace GptOss.Reference.Tests.Oracle.Traces;

public sealed class NonFiniteSearchTests(SmallModels models) : IClassFixture<SmallModels>
{
    private static readonly byte[] Nan = [0xC0, 0x7F], Infinity = [0x80, 0x7F];
    private readonly string _sound = models.Write(SmallModels.Smallest, 5);

    [Fact]
    public void A_pass_whose_values_are_all_finite_has_no_first_one()
    {
        using var model = Transformer.Load(_sound, new() { Threads = 1 });
        Assert.Null(NonFiniteSearch.Find(model, new[] { 1, 2, 3 }, TestContext.Current.CancellationToken));
    }

    [Theory]
    [InlineData("block.1.attn.norm.scale", 3, "block.1.attn.norm", 0, 3)]
    [InlineData("block.0.mlp.gate.bias", 2, "block.0.mlp.router", 0, 2)]
    [InlineData("embedding.weight", 2 * 32 + 7, "embedding", 1, 7)]            // the token at position 1 has id 2
    [InlineData("norm.scale", 31, "norm", 2, 31)]
    public void The_first_stage_position_and_element_are_named(string tensor, int element, string stage, int position, int of)
    {
        string folder = models.Patch(_sound, tensor, 2 * element, Nan);
        using var model = Transformer.Load(folder, new() { Threads = 1 });
        NonFiniteValue found = NonFiniteSearch.Find(model, new[] { 1, 2, 3 }, TestContext.Current.CancellationToken)!;
        Assert.Equal((stage, position, of, float.NaN), (StageNames.Of(found.Stage, found.Layer), found.Position, found.Element, found.Value));
    }

    [Theory]
    [InlineData("generate", "--raw")]
    [InlineData("explain")]
    public void The_commands_name_the_first_stage_that_is_not_a_number(string command, params string[] options)
    {
        string folder = models.Patch(_sound, "block.1.mlp.norm.scale", 2 * 9, Infinity), ids = Path.Combine(folder, "ids.json");
        File.WriteAllText(ids, "[1, 2, 3]");
        Answer answer = CommandLine.Run([command, "--model", folder, "--ids", ids, .. options]);
        Assert.Equal(3, answer.Code);
        Assert.Equal("block.1.mlp.norm is the first stage that is not a number: at position 0 its element 9 is Infinity; 'gptoss inspect " +
            "--check' reads the weights.",
            answer.Sentence.Replace("-Infinity", "Infinity", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(1, "Document \"a\", token 1: ", 0)]                                        // token 1 is predicted by the one at position 0
    [InlineData(8, "Document \"a\", token 8: ", 7)]
    [InlineData(20, "Document \"a\", token 20, in the window that begins at token 8: ", 11)]
    public void Score_names_the_document_and_the_stage(int token, string place, int position)
    {
        string folder = models.Patch(_sound, "embedding.weight", 2 * (63 * 32 + 7), Nan), corpus = Path.Combine(folder, "corpus.jsonl");
        int[] ids = [.. Enumerable.Repeat(1, 30)];
        ids[token - 1] = 63;
        File.WriteAllText(corpus, $$"""{"ids": [3, 4]}{{'\n'}}{"ids": [{{string.Join(',', ids)}}], "id": "a"}{{'\n'}}""");
        string sentence = $"{place}embedding is the first stage that is not a number: at position {position} its element 7 is NaN; "
            + "'gptoss inspect --check' reads the weights.";
        foreach (string[] output in (string[][])[[], ["--out", Path.Combine(folder, "scores.jsonl")]])
        {
            Answer answer = CommandLine.Run(["score", corpus, "--model", folder, "--context", "16", .. output]);
            Assert.Equal((3, sentence), (answer.Code, answer.Sentence));
        }
    }

    [Fact]
    public void Chat_names_the_stage_and_goes_on()
    {
        string folder = models.Patch(TestData.Tiny, "model.layers.3.input_layernorm.weight", 2 * 5, Nan);
        Answer answer = CommandLine.RunWith("What is 1 + 1?\n/tokens\n", "chat", "--model", folder, "--date", "2026-11-24");
        Assert.Equal(3, answer.Code);
        Assert.Contains("\nblock.3.attn.norm is the first stage that is not a number: at position 0 its element 5 is NaN; 'gptoss inspect --check' "
            + "reads the weights.\n", answer.Error, StringComparison.Ordinal);
        Assert.Contains(" in 0 turns; ", answer.Sentence, StringComparison.Ordinal);
    }
}
