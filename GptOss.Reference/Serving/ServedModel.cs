using GptOss.Reference.Model;
using GptOss.Reference.Tokens;

namespace GptOss.Reference.Serving;

/// <summary>A loaded model with everything that serving needs: tokenizer, stop tokens, scheduler.</summary>
public sealed class ServedModel : IAsyncDisposable
{
    private ServedModel(Transformer model, Tokenizer tokenizer, SchedulerOptions options)
    {
        (Model, Tokenizer) = (model, tokenizer);
        StopTokens = new HashSet<int>(Generation.StopTokens.For(model, tokenizer));
        Fingerprint = ServingFingerprint.Of(model);                       // before the scheduler, whose first figures would show its sequence
        Scheduler = new Scheduler(model, options);
    }

    /// <summary>The model.</summary>
    public Transformer Model { get; }

    /// <summary>The checkpoint's tokenizer.</summary>
    public Tokenizer Tokenizer { get; }

    /// <summary>Tokens that end a turn.</summary>
    public IReadOnlySet<int> StopTokens { get; }

    /// <summary>Runs requests on the model.</summary>
    public Scheduler Scheduler { get; }

    /// <summary><c>fp_</c> and 12 hexadecimal digits of build, profile and weights: equal fingerprints and seeds give equal bytes.</summary>
    public string Fingerprint { get; }

    /// <summary>Loads a model and starts its scheduler.</summary>
    /// <param name="model">A folder, a file, or a name in the Hugging Face cache.</param>
    /// <param name="options">How to run it.</param>
    /// <param name="scheduling">How much at once; null decides by the machine's memory.</param>
    /// <exception cref="GptOss.Reference.Ground.CheckpointFormatException">The files are not a gpt-oss checkpoint.</exception>
    public static ServedModel Load(string model, ModelOptions? options = null, SchedulerOptions? scheduling = null)
    {
        var transformer = Transformer.Load(model, options);
        try
        {
            return new ServedModel(transformer, transformer.Checkpoint.Tokenizer, scheduling ?? new SchedulerOptions());
        }
        catch
        {
            transformer.Dispose();
            throw;
        }
    }

    /// <summary>Ends every request and closes the model.</summary>
    public async ValueTask DisposeAsync()
    {
        await Scheduler.DisposeAsync().ConfigureAwait(false);
        Model.Dispose();
    }
}
