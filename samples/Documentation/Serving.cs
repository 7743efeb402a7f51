using GptOss.Reference.Serving;
using GptOss.Server;
using Microsoft.AspNetCore.Builder;

namespace Documentation;

/// <summary>docs/serving.md.</summary>
public static class Serving
{
    public static void Add(WebApplicationBuilder builder, WebApplication app)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.AddGptOss("openai/gpt-oss-20b");      // an IChatClient; the model is loaded in the background
        app.MapGptOss();                                       // the routes of this page in an ASP.NET application
    }
}
