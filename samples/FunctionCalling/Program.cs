// The model calls a C# function: Microsoft.Extensions.AI runs it and sends the result back.
using System.ComponentModel;
using GptOss.Reference.Serving;
using Microsoft.Extensions.AI;

string folder = args is [var given, ..] ? given : "testdata/tiny-gpt-oss";
await using ServedModel model = ServedModel.Load(folder);
using IChatClient client = new GptOssChatClient(model, "tiny-gpt-oss", date: new DateOnly(2026, 11, 24)).AsBuilder().UseFunctionInvocation().Build();

[Description("Gets the current weather in the provided location.")]
static string GetCurrentWeather([Description("The city and state, e.g. San Francisco, CA")] string location) =>
    location.Contains("Paris", StringComparison.Ordinal) ? """{"temperature": 21, "sky": "sunny"}""" : """{"temperature": 3, "sky": "cloudy"}""";

ChatOptions options = new() { Temperature = 0, Tools = [AIFunctionFactory.Create(GetCurrentWeather, "get_current_weather")] };
ChatResponse response = await client.GetResponseAsync("What's the weather in Paris?", options);
Console.WriteLine(response.Text);
