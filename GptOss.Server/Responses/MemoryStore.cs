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
    private readonly LinkedList<LinkedListNode<Kept>> _byAge = new();    // the oldest first
    private readonly ItemIndex _items = new();
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
        if (response.Bytes > maxBytes || maxResponses == 0)
            return;
        lock (_gate)
        {
            LinkedListNode<Kept> node = _byUse.AddFirst(new Kept(owner, response, clock.GetUtcNow()));
            node.Value.Age = _byAge.AddLast(node);
            _byId[(owner, response.Id)] = node;
            _bytes += response.Bytes;
            _items.Hold(owner, response.Context);
            while (_byId.Count > maxResponses || _bytes > maxBytes)
                Remove(_byUse.Last!);
        }
    }

    public StoredResponse? Find(string owner, string id)
    {
        lock (_gate)
        {
            if (!_byId.TryGetValue((owner, id), out LinkedListNode<Kept>? node))
                return null;
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
            if (!_byId.TryGetValue((owner, id), out LinkedListNode<Kept>? node))
                return false;
            Remove(node);
            return true;
        }
    }

    public JsonElement? FindItem(string owner, string id)
    {
        lock (_gate)
        {
            while (_byAge.First is { Value: var oldest } && clock.GetUtcNow() - oldest.Value.Since > maxAge)
                Remove(oldest);
            return _items.Find(owner, id);
        }
    }

    public void Dispose() { }

    private void Remove(LinkedListNode<Kept> node)
    {
        _byUse.Remove(node);
        _byAge.Remove(node.Value.Age!);
        _items.Release(node.Value.Owner, node.Value.Response.Context);
        _byId.Remove((node.Value.Owner, node.Value.Response.Id));
        _bytes -= node.Value.Response.Bytes;
    }

    private sealed record Kept(string Owner, StoredResponse Response, DateTimeOffset Since)
    {
        internal LinkedListNode<LinkedListNode<Kept>>? Age { get; set; }
    }
}
