// The answer is a C# object: its schema binds every token, so the JSON always parses.
using GptOss.Reference.Serving;
using Microsoft.Extensions.AI;

string folder = args is [var given, ..] ? given : "testdata/tiny-gpt-oss";
await using ServedModel model = ServedModel.Load(folder);
using IChatClient client = new GptOssChatClient(model, "tiny-gpt-oss", date: new DateOnly(2026, 11, 24));
ChatResponse<City> response = await client.GetResponseAsync<City>("What is the capital of Norway?", new ChatOptions { Temperature = 0 });
Console.WriteLine(response.Result.Country.Length <= 20 && response.Result.Name.Length <= 20 ? "a city, as the schema says" : response.Text);

internal sealed record City(
    [property: System.ComponentModel.DataAnnotations.MaxLength(20)] string Name,
    [property: System.ComponentModel.DataAnnotations.MaxLength(20)] string Country);
