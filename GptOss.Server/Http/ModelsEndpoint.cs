using System.Text.Json.Nodes;

namespace GptOss.Server.Http;

/// <summary>What a server says of itself: the model, health, readiness, metrics.</summary>
/// <param name="service">The model and what serves it.</param>
internal sealed class ModelsEndpoint(ModelService service)
{
    private readonly long _created = DateTimeOffset.UtcNow.ToUnixTimeSeconds();

    internal Task ListAsync(HttpContext context, string id) =>
        Answers.SendAsync(context, new JsonObject { ["object"] = "list", ["data"] = new JsonArray(Model()) });

    internal Task GetAsync(HttpContext context, string id)
    {
        service.Names.Require(id);
        return Answers.SendAsync(context, Model());
    }

    internal static Task HealthAsync(HttpContext context, string id) => Answers.SendAsync(context, new JsonObject { ["status"] = "ok" });

    internal Task ReadyAsync(HttpContext context, string id)
    {
        service.RequireReady();
        return Answers.SendAsync(context, new JsonObject { ["status"] = "ready" });
    }

    internal async Task MetricsAsync(HttpContext context, string id)
    {
        service.Measure();
        using var text = new MemoryStream();
        await service.Metrics.WriteAsync(text, context.RequestAborted);
        context.Response.ContentType = "text/plain; version=0.0.4; charset=utf-8";
        context.Response.ContentLength = text.Length;
        text.Position = 0;
        await text.CopyToAsync(context.Response.Body, context.RequestAborted);
    }

    private JsonObject Model() => new()
    {
        ["id"] = service.ModelId, ["object"] = "model", ["created"] = _created, ["owned_by"] = "gptoss",
    };
}
