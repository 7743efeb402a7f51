using GptOss.Reference.Model;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;

namespace GptOss.Reference.Serving;

/// <summary>gpt-oss for applications with dependency injection.</summary>
public static class GptOssServices
{
    /// <summary>
    /// Adds a model and an <see cref="IChatClient"/> over it. The model is loaded in the background when the application starts; requests wait for it.
    /// </summary>
    /// <param name="services">The application's services.</param>
    /// <param name="model">A folder, a file, or a name in the Hugging Face cache such as <c>openai/gpt-oss-20b</c>.</param>
    /// <param name="options">How to run it.</param>
    /// <param name="scheduling">How much at once.</param>
    /// <param name="date">The day that prompts state; null for today's.</param>
    public static IServiceCollection AddGptOss(
        this IServiceCollection services, string model, ModelOptions? options = null, SchedulerOptions? scheduling = null, DateOnly? date = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        services.AddSingleton(_ => new ServedModelHost(model, options, scheduling));
        services.AddHostedService(provider => provider.GetRequiredService<ServedModelHost>());
        return services.AddSingleton<IChatClient>(provider => new GptOssChatClient(Loaded(provider), Path.GetFileName(model.TrimEnd('/', '\\')), date, ownsModel: false));
    }

    private static Func<CancellationToken, Task<ServedModel>> Loaded(IServiceProvider provider)
    {
        ServedModelHost host = provider.GetRequiredService<ServedModelHost>();
        return async cancellation =>
        {
            await host.StartAsync(cancellation).ConfigureAwait(false);   // a program without a host starts it with the first request
            return await host.Loaded.WaitAsync(cancellation).ConfigureAwait(false);
        };
    }
}
