// A chat, a call and a schema without reflection: the program can be trimmed, or compiled ahead of time.
using System.Text.Json;
using GptOss.Reference.Serving;
using Microsoft.Extensions.AI;

await using var model = ServedModel.Load(args is [var given, ..] ? given : "testdata/tiny-gpt-oss");
using var client = new GptOssChatClient(model, "tiny-gpt-oss", date: new DateOnly(2026, 11, 24));
Console.WriteLine((await client.GetResponseAsync("What is the capital of Norway?", new ChatOptions { Temperature = 0 })).Text);

var parameters = JsonElement.Parse("""
    {"type": "object", "required": ["location"],
     "properties": {"location": {"type": "string", "description": "The city and state, e.g. San Francisco, CA"}}}
    """);
ChatOptions options = new()
{
    Temperature = 0,
    Tools = [AIFunctionFactory.CreateDeclaration("get_current_weather", "Gets the current weather in the provided location.", parameters)],
};
List<ChatMessage> messages = [new(ChatRole.User, "What's the weather in Paris?")];
ChatResponse asked = await client.GetResponseAsync(messages, options);
FunctionCallContent call = asked.Messages.SelectMany(message => message.Contents).OfType<FunctionCallContent>().Single();
messages.AddRange(asked.Messages);
messages.Add(new ChatMessage(ChatRole.Tool, [new FunctionResultContent(call.CallId, """{"temperature": 21, "sky": "sunny"}""")]));
Console.WriteLine((await client.GetResponseAsync(messages, options)).Text);

var city = JsonElement.Parse("""
    {"type": "object", "properties": {"city": {"enum": ["Oslo", "Paris"]}}, "required": ["city"], "additionalProperties": false}
    """);
ChatResponse typed = await client.GetResponseAsync("What is the capital of Norway?",
    new ChatOptions { Temperature = 0, MaxOutputTokens = 200, ResponseFormat = ChatResponseFormat.ForJsonSchema(city, "answer") });
Console.WriteLine(JsonElement.Parse(typed.Text).GetProperty("city").GetString() is "Oslo" or "Paris" ? "a city, as the schema says" : typed.Text);
