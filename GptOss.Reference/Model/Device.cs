using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Numerics;

namespace GptOss.Reference.Model;

/// <summary>
/// What computes blocks of models in place of the processor, with the same bits: see <see cref="ModelOptions.Device"/>. Models that share a device
/// take turns. It is not closed by a model.
/// </summary>
public abstract class Device : IDisposable
{
    /// <summary>Only this library knows devices.</summary>
    private protected Device()
    {
    }

    /// <summary>What it is called.</summary>
    public abstract string Name { get; }

    /// <summary>Held during a pass: one at a time, whatever models share the device.</summary>
    internal Lock Gate { get; } = new();

    /// <summary>Puts a model's weights on the device, as many as fit.</summary>
    /// <param name="weights">The weights, which the processor may use too.</param>
    /// <param name="config">The model's numbers.</param>
    /// <param name="kernels">The processor's arithmetic, for what observers change.</param>
    /// <param name="options">How the model is to run.</param>
    /// <returns>Null where the processor is to run it after all.</returns>
    /// <exception cref="Ground.GptOssException">The device cannot run such a model, or has failed.</exception>
    internal abstract DeviceModel? Load(ModelWeights weights, GptOssConfig config, Kernels kernels, ModelOptions options);

    /// <summary>Closes it. Its models cannot run any more.</summary>
    public abstract void Dispose();
}
