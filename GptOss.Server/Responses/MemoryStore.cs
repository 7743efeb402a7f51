using System.Text.Json;

namespace GptOss.Server.Responses;

/// <summary>Keeps responses in memory: bounded in number, bytes and age; the least recently used go first.</summary>
/// <param name="maxResponses">How many.</param>
/// <param name="maxBytes">How large all of them together.</param>
/// <param name="maxAge">How long each.</param>
/// <param name="clock">What time it is.</param>
internal sealed class MemoryStore(int maxResponses, long maxBytes, TimeSpan maxAge, TimeProvider clock) : IResponseStore
{
    private readonly Lock _gate = new();
    private readonly Dictionary<(string Owner, string Id), LinkedListNode<Kept>> _byId = [];
    private readonly LinkedList<Kept> _byUse = new();                    // the most recently used first
    private long _bytes;

    public int Count
    {
        get
        {
            lock (_gate)
            {
                return _byId.Count;
            }
        }
    }

    public void Add(string owner, StoredResponse response)
    {
        if (response.Bytes > maxBytes || maxResponses == 0) return;
        lock (_gate)
        {
            _byId[(owner, response.Id)] = _byUse.AddFirst(new Kept(owner, response, clock.GetUtcNow()));
            _bytes += response.Bytes;
            while (_byId.Count > maxResponses || _bytes > maxBytes) Remove(_byUse.Last!);
        }
    }

    public StoredResponse? Find(string owner, string id)
    {
        lock (_gate)
        {
            if (!_byId.TryGetValue((owner, id), out LinkedListNode<Kept>? node)) return null;
            if (clock.GetUtcNow() - node.Value.Since > maxAge)
            {
                Remove(node);
                return null;
            }

            _byUse.Remove(node);
            _byUse.AddFirst(node);
            return node.Value.Response;
        }
    }

    public bool Delete(string owner, string id)
    {
        lock (_gate)
        {
            if (!_byId.TryGetValue((owner, id), out LinkedListNode<Kept>? node)) return false;
            Remove(node);
            return true;
        }
    }

    public JsonElement? FindItem(string owner, string id)
    {
        lock (_gate)
        {
            foreach (Kept kept in _byUse)
            {
                if (kept.Owner != owner || clock.GetUtcNow() - kept.Since > maxAge) continue;
                foreach (JsonElement item in kept.Response.Context.Items())
                {
                    if (item.TryGetProperty("id", out JsonElement itsId) && itsId.ValueKind == JsonValueKind.String && itsId.ValueEquals(id)) return item;
                }
            }

            return null;
        }
    }

    public void Dispose() { }

    private void Remove(LinkedListNode<Kept> node)
    {
        _byUse.Remove(node);
        _byId.Remove((node.Value.Owner, node.Value.Response.Id));
        _bytes -= node.Value.Response.Bytes;
    }

    private sealed record Kept(string Owner, StoredResponse Response, DateTimeOffset Since);
}
