using System.Text.Json;

namespace GptOss.Server.Responses;

/// <summary>
/// The items of a response, input and output, after those of the response before it. Contexts share what came before them, so deleting a response
/// leaves those that continue it as they are.
/// </summary>
/// <param name="Id">The response's id.</param>
/// <param name="Before">The context that this one continues; null for none.</param>
/// <param name="Input">Items of this request's input; every one has an id.</param>
/// <param name="Output">Items that the model answered.</param>
internal sealed record StoredContext(string Id, StoredContext? Before, IReadOnlyList<JsonElement> Input, IReadOnlyList<JsonElement> Output)
{
    private const int ItemBytes = 256;                               // about what an item costs besides its text

    /// <summary>Bytes of the JSON of all items, those before included, and of what finds them.</summary>
    internal long Bytes { get; } =
        (Before?.Bytes ?? 0) + Input.Concat(Output).Sum(item => ItemBytes + (long)item.GetRawText().Length * sizeof(char));

    /// <summary>All items, oldest first.</summary>
    internal IEnumerable<JsonElement> Items() => Chain().SelectMany(context => context.Input.Concat(context.Output));

    /// <summary>What the model was given: every item but this response's own output.</summary>
    internal IEnumerable<JsonElement> Given() => (Before?.Items() ?? []).Concat(Input);

    private Stack<StoredContext> Chain()
    {
        var chain = new Stack<StoredContext>();
        for (StoredContext? context = this; context is not null; context = context.Before)
            chain.Push(context);
        return chain;
    }
}
