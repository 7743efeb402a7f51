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
        Assert.Equal("block.1.mlp.norm is the first stage that is not a number: at position 0 its element 9 is Infinity; 'gptoss inspect --check' reads the weights.",
            answer.Sentence.Replace("-Infinity", "Infinity", StringComparison.Ordinal));
    }
}
