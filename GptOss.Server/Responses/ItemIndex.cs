using System.Text.Json;

namespace GptOss.Server.Responses;

/// <summary>
/// The items of kept responses by owner and id, so that a reference costs the same however much is kept. Responses share what came before them:
/// a context's items are there as long as a kept response, or another context that is there, continues it. Not thread-safe.
/// </summary>
internal sealed class ItemIndex
{
    private readonly Dictionary<(string Owner, string Id), List<(StoredContext Context, JsonElement Item)>> _byId = [];
    private readonly Dictionary<StoredContext, int> _holders = new(ReferenceEqualityComparer.Instance);

    /// <summary>The item that was kept last under this id; null for none.</summary>
    internal JsonElement? Find(string owner, string id) => _byId.TryGetValue((owner, id), out var found) ? found[^1].Item : null;

    /// <summary>A response with this context is kept.</summary>
    internal void Hold(string owner, StoredContext? context)
    {
        for (; context is not null; context = context.Before)
        {
            int holders = _holders.GetValueOrDefault(context);
            _holders[context] = holders + 1;
            if (holders > 0)
                return;
            foreach ((string id, JsonElement item) in ById(context))
            {
                if (!_byId.TryGetValue((owner, id), out var items))
                    _byId[(owner, id)] = items = [];
                items.Add((context, item));
            }
        }
    }

    /// <summary>A response with this context is not kept any more.</summary>
    internal void Release(string owner, StoredContext? context)
    {
        for (; context is not null; context = context.Before)
        {
            StoredContext gone = context;
            if (--_holders[gone] > 0)
                return;
            _holders.Remove(gone);
            foreach (string id in ById(gone).Keys)
            {
                var items = _byId[(owner, id)];
                items.RemoveAll(kept => ReferenceEquals(kept.Context, gone));
                if (items.Count == 0)
                    _byId.Remove((owner, id));
            }
        }
    }

    // Of two items of one response with the same id the last counts.
    private static Dictionary<string, JsonElement> ById(StoredContext context)
    {
        var byId = new Dictionary<string, JsonElement>();
        foreach (JsonElement item in context.Input.Concat(context.Output))
        {
            if (item.TryGetProperty("id", out JsonElement id) && id.ValueKind == JsonValueKind.String)
                byId[id.GetString()!] = item;
        }

        return byId;
    }
}
