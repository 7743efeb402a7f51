using GptOss.Cli.Output;
using GptOss.Cli.Terminals;
using GptOss.Reference.Checkpoints;
using GptOss.Reference.Model;

namespace GptOss.Cli.Options;

/// <summary>Loads the model that a command runs.</summary>
internal static class ModelLoading
{
    /// <summary>Loads it; standard error says what is on a GPU, and if the weights were to be locked in memory and are not.</summary>
    internal static Transformer Load(Checkpoint checkpoint, ModelOptions options, Terminal terminal)
    {
        var model = Transformer.Load(checkpoint, options);
        SayHow(model, options, terminal);
        return model;
    }

    /// <summary>Says what of a model is on a GPU, and if the weights were to be locked in memory and are not.</summary>
    internal static void SayHow(Transformer model, ModelOptions options, Terminal terminal)
    {
        if (model.Placement is { } placement)
            terminal.Error.WriteLine(placement);
        if (options.Lock && !model.IsLocked)
        {
            terminal.Error.WriteLine($"The system does not let this process lock {Text.Short(model.Checkpoint.TotalBytes)} (ulimit -l); the weights "
                + "have been read, and pages that go unused may be dropped again.");
        }
    }
}
