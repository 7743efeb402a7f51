using GptOss.Cli.Output;
using GptOss.Cli.Terminals;
using GptOss.Reference.Checkpoints;
using GptOss.Reference.Model;

namespace GptOss.Cli.Options;

/// <summary>Loads the model that a command runs.</summary>
internal static class ModelLoading
{
    /// <summary>Loads it; standard error says if it was to be locked in memory and is not.</summary>
    internal static Transformer Load(Checkpoint checkpoint, ModelOptions options, Terminal terminal)
    {
        var model = Transformer.Load(checkpoint, options);
        SayIfNotLocked(model, options, terminal);
        return model;
    }

    /// <summary>Says if a model was to be locked in memory and is not.</summary>
    internal static void SayIfNotLocked(Transformer model, ModelOptions options, Terminal terminal)
    {
        if (options.Lock && !model.IsLocked)
        {
            terminal.Error.WriteLine($"The system does not let this process lock {Text.Short(model.Checkpoint.TotalBytes)} (ulimit -l); the weights "
                + "have been read, and pages that go unused may be dropped again.");
        }
    }
}
