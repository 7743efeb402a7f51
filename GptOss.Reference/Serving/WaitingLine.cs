namespace GptOss.Reference.Serving;

/// <summary>A request that waits for a place.</summary>
/// <param name="Generation">The request.</param>
/// <param name="Since">When it came, as a <see cref="System.Diagnostics.Stopwatch"/> timestamp.</param>
internal sealed record Waiting(ServedGeneration Generation, long Since);

/// <summary>Requests that wait, in a line for each owner; owners take turns, so that one with many requests does not keep the others waiting.</summary>
internal sealed class WaitingLine
{
    private readonly Dictionary<string, LinkedList<Waiting>> _lines = [];
    private readonly LinkedList<string> _owners = new();                 // whose turn is next, first

    /// <summary>How many wait.</summary>
    internal int Count { get; private set; }

    /// <summary>Puts a request at the end of its owner's line.</summary>
    internal void Add(Waiting waiting)
    {
        string owner = waiting.Generation.Request.Owner;
        if (!_lines.TryGetValue(owner, out LinkedList<Waiting>? line))
        {
            _lines[owner] = line = new LinkedList<Waiting>();
            _owners.AddLast(owner);
        }

        line.AddLast(waiting);
        Count++;
    }

    /// <summary>The request whose turn it is; null if none waits.</summary>
    internal Waiting? Peek() => _owners.First is { } owner ? _lines[owner.Value].First!.Value : null;

    /// <summary>Takes the request whose turn it is out of the line.</summary>
    internal Waiting? Take()
    {
        if (_owners.First is not { } owner) return null;
        LinkedList<Waiting> line = _lines[owner.Value];
        Waiting first = line.First!.Value;
        _owners.RemoveFirst();
        Remove(owner.Value, line, line.First);
        if (line.Count > 0) _owners.AddLast(owner.Value);
        return first;
    }

    /// <summary>Takes out the requests whose clients have left.</summary>
    internal IReadOnlyList<ServedGeneration> TakeLeft()
    {
        var left = new List<ServedGeneration>();
        foreach ((string owner, LinkedList<Waiting> line) in _lines.ToArray())
        {
            for (LinkedListNode<Waiting>? node = line.First; node is not null;)
            {
                LinkedListNode<Waiting>? next = node.Next;
                if (node.Value.Generation.HasLeft.IsCancellationRequested)
                {
                    left.Add(node.Value.Generation);
                    Remove(owner, line, node);
                    if (line.Count == 0) _owners.Remove(owner);
                }

                node = next;
            }
        }

        return left;
    }

    private void Remove(string owner, LinkedList<Waiting> line, LinkedListNode<Waiting> node)
    {
        line.Remove(node);
        Count--;
        if (line.Count == 0) _lines.Remove(owner);
    }
}
