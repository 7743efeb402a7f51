using GptOss.Reference.Harmony;
using GptOss.Reference.Serving;

namespace GptOss.Server;

/// <summary>The server's routes in an ASP.NET application of one's own.</summary>
public static class GptOssEndpoints
{
    private static readonly string[] Patterns = ["/v1/{**path}", "/health", "/ready", "/metrics"];

    /// <summary>Adds the OpenAI-compatible routes for the model that <c>AddGptOss</c> added.</summary>
    /// <param name="endpoints">The application's routes.</param>
    /// <param name="options">What the server does.</param>
    /// <param name="tools">Tools of its own that Responses requests may ask for.</param>
    public static IEndpointConventionBuilder MapGptOss(this IEndpointRouteBuilder endpoints, ServerOptions? options = null,
        IReadOnlyList<ITool>? tools = null)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        ServedModelHost host = endpoints.ServiceProvider.GetRequiredService<ServedModelHost>();
        ILogger log = endpoints.ServiceProvider.GetRequiredService<ILoggerFactory>().CreateLogger(ModelService.LogCategory);
        var service = new ModelService(host.Name, host.Loaded, options ?? new ServerOptions(), tools ?? [], log);
        IHostApplicationLifetime lifetime = endpoints.ServiceProvider.GetRequiredService<IHostApplicationLifetime>();
        lifetime.ApplicationStopping.Register(service.BeginToEnd);
        lifetime.ApplicationStopped.Register(service.Dispose);
        var api = new GptOssApi(service);
        RouteGroupBuilder group = endpoints.MapGroup("");
        foreach (string pattern in Patterns)
            group.Map(pattern, api.HandleAsync);
        return group;
    }
}
