using GptOss.Reference.Checkpoints;
using GptOss.Reference.Model;
using Xunit;

namespace GptOss.Reference.Tests.Model;

public class ModelDefinitionTests(SmallModels models) : IClassFixture<SmallModels>
{
    [Fact]
    public void The_fast_model_computes_what_the_plain_loops_define()
    {
        foreach ((string folder, int tokens) in new[] { (models.Write(SmallModels.Smallest, 1), 30), (TestData.Tiny, 12) })
        {
            using Transformer model = SmallModels.Load(folder, threads: 2);
            using var checkpoint = Checkpoint.Open(folder);
            int[] ids = SmallModels.Ids(tokens, model.Config.VocabSize, 1);
            double[] expected = [.. new ModelDefinition(checkpoint).Logits(ids).SelectMany(row => row)];
            float[] found = SmallModels.Logits(model, model.NewSequence(), ids);
            double size = Math.Sqrt(expected.Average(logit => logit * logit));
            Assert.All(expected.Zip(found), pair => Assert.InRange(Math.Abs(pair.First - pair.Second), 0, 1e-4 * size));
        }
    }
}
