// An ASP.NET application of one's own with the OpenAI-compatible routes, and the same model as IChatClient.
using GptOss.Reference.Serving;
using GptOss.Server;
using Microsoft.Extensions.AI;

WebApplicationBuilder builder = WebApplication.CreateBuilder(args);
builder.Services.AddGptOss(builder.Configuration["Model"] ?? "testdata/tiny-gpt-oss", date: new DateOnly(2026, 11, 24));
WebApplication app = builder.Build();
app.MapGptOss();
app.MapGet("/capital/{country}", async (string country, IChatClient client) =>
    (await client.GetResponseAsync($"What is the capital of {country}?", new ChatOptions { Temperature = 0 })).Text);
app.Run();
