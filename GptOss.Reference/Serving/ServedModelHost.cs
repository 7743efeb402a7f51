using GptOss.Reference.Model;
using Microsoft.Extensions.Hosting;

namespace GptOss.Reference.Serving;

/// <summary>Loads a model in the background of an application and closes it at its end.</summary>
/// <param name="name">A folder, a file, or a name in the Hugging Face cache.</param>
/// <param name="options">How to run it.</param>
/// <param name="scheduling">How much at once.</param>
public sealed class ServedModelHost(string name, ModelOptions? options = null, SchedulerOptions? scheduling = null) : IHostedService, IAsyncDisposable
{
    private readonly TaskCompletionSource<ServedModel> _loaded = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _begun;

    /// <summary>The model as it was named.</summary>
    public string Name => name;

    /// <summary>The model, once it is loaded; fails as loading does.</summary>
    public Task<ServedModel> Loaded => _loaded.Task;

    /// <summary>Begins to load; does nothing where it has begun already.</summary>
    public Task StartAsync(CancellationToken cancellationToken)
    {
        if (Interlocked.Exchange(ref _begun, 1) == 0)
        {
            _ = Task.Run(
                () =>
                {
                    try
                    {
                        _loaded.SetResult(ServedModel.Load(name, options, scheduling));
                    }
                    catch (Exception exception)
                    {
                        _loaded.SetException(exception);                 // whoever waits for the model receives it
                    }
                },
                CancellationToken.None);
        }

        return Task.CompletedTask;
    }

    /// <summary>Ends every request and closes the model.</summary>
    public Task StopAsync(CancellationToken cancellationToken) => DisposeAsync().AsTask();

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (Volatile.Read(ref _begun) == 0) return;
        try
        {
            await (await _loaded.Task.ConfigureAwait(false)).DisposeAsync().ConfigureAwait(false);
        }
        catch (Exception) when (_loaded.Task.IsFaulted)
        {
            // There is no model to close; those who waited for it have received the error.
        }
    }
}
