using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using GptOss.Server.Http;
using GptOss.Server.Requests;

namespace GptOss.Server.Responses;

/// <summary>The routes of Responses: create, read, list, delete.</summary>
/// <param name="service">The model and what serves it.</param>
internal sealed class ResponsesEndpoint(ModelService service)
{
    private const int DefaultLimit = 20, MostLimit = 100;

    internal async Task CreateAsync(HttpContext context, string id)
    {
        using JsonDocument body = await service.ReadBodyAsync(context);
        var request = new Field(body.RootElement, "");
        service.RequireModel(request["model"]);
        string owner = ModelService.Owner(context);
        var read = ResponsesRequest.Read(request, service, owner);
        var answer = new ResponseObject(read, service.ModelId);
        await using var run = new ResponseRun(service, context, read, answer);
        run.Start();
        if (read.IsStream)
            await StreamAsync(context, run);
        else
            await AnswerAsync(context, run);
        if (read.IsStored && run.Final is { } final)
        {
            service.Store.Add(owner,
                new StoredResponse(answer.Id, ApiJson.Element(final), new StoredContext(answer.Id, read.Before, read.Items, run.OutputItems())));
        }
    }

    internal Task GetAsync(HttpContext context, string id) => Answers.SendAsync(context, (JsonObject)Field.Copy(Find(context, id).Body)!);

    internal Task DeleteAsync(HttpContext context, string id)
    {
        if (!service.Store.Delete(ModelService.Owner(context), id))
            throw Unknown(id);
        return Answers.SendAsync(context, new JsonObject { ["id"] = id, ["object"] = "response", ["deleted"] = true });
    }

    /// <summary>The whole context that the model was given, a page at a time, the newest first unless asked otherwise.</summary>
    internal Task InputItemsAsync(HttpContext context, string id)
    {
        IQueryCollection query = context.Request.Query;
        string order = query["order"].ToString() is { Length: > 0 } given ? given : "desc";
        if (order is not ("asc" or "desc"))
            throw ApiException.Invalid("order", $"order is '{Field.Shown(order)}'; expected asc or desc.");
        int limit = Limit(query["limit"].ToString());
        JsonElement[] items = [.. Find(context, id).Context.Given()];
        if (order == "desc")
            items = [.. items.Reverse()];
        if (query["after"].ToString() is { Length: > 0 } after)
            items = [.. items.SkipWhile(item => ItemId(item) != after).Skip(1)];
        JsonElement[] page = [.. items.Take(limit)];
        return Answers.SendAsync(context, new JsonObject
        {
            ["object"] = "list", ["data"] = new JsonArray([.. page.Select(Field.Copy)]),
            ["first_id"] = page.Length == 0 ? null : ItemId(page[0]), ["last_id"] = page.Length == 0 ? null : ItemId(page[^1]),
            ["has_more"] = items.Length > page.Length,
        });
    }

    private static async Task AnswerAsync(HttpContext context, ResponseRun run)
    {
        await foreach (ResponseEvent _ in run.EventsAsync())
        {
            // The whole object is sent at the end.
        }

        await Answers.SendAsync(context, run.Final!);
    }

    private Task StreamAsync(HttpContext context, ResponseRun run) => EventStream.RunAsync(context, service,
        async stream =>
        {
            await foreach (ResponseEvent happened in run.EventsAsync())
                await stream.SendAsync(happened.Type, happened.Data);
        },
        (stream, failure) =>
        {
            // Coding agents ignore a bare error event and report a closed stream; a failed response they show.
            ResponseEvent failed = run.Fail(failure);
            return stream.SendAsync(failed.Type, failed.Data);
        });

    private StoredResponse Find(HttpContext context, string id) => service.Store.Find(ModelService.Owner(context), id) ?? throw Unknown(id);

    private static ApiException Unknown(string id) =>
        new(404, "previous_response_not_found", $"There is no stored response with the id '{Field.Shown(id)}'.");

    private static string? ItemId(JsonElement item) => item.TryGetProperty("id", out JsonElement id) ? id.GetString() : null;

    private static int Limit(string text)
    {
        if (text.Length == 0)
            return DefaultLimit;
        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int limit) && limit is >= 1 and <= MostLimit
            ? limit : throw ApiException.Invalid("limit", $"limit is '{Field.Shown(text)}'; expected 1 to {MostLimit}.");
    }
}
