using System.Diagnostics;
using System.Text.Json;
using GptOss.Reference.Generation.Constraints;

namespace GptOss.Reference.Serving;

/// <summary>Compiled schemas by their text, the least recently used first to go. Thread-safe.</summary>
/// <param name="compiled">Receives how long each compilation took; null for no one.</param>
internal sealed class SchemaCache(Action<TimeSpan>? compiled = null)
{
    private const int MostCharacters = 4 << 20;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, LinkedListNode<(string Text, JsonSchema Schema)>> _byText = [];
    private readonly LinkedList<(string Text, JsonSchema Schema)> _byUse = new();        // the most recently used first
    private long _characters, _hits, _misses;

    /// <summary>The cache of callers that have none of their own.</summary>
    public static SchemaCache Shared { get; } = new();

    /// <summary>How often a schema was there.</summary>
    public long Hits => Interlocked.Read(ref _hits);

    /// <summary>How often a schema had to be compiled, those that were refused included.</summary>
    public long Misses => Interlocked.Read(ref _misses);

    /// <summary>The compiled schema.</summary>
    /// <exception cref="JsonSchemaException">It cannot be kept.</exception>
    public JsonSchema Compile(JsonElement schema)
    {
        string text = schema.GetRawText();
        lock (_gate)
        {
            if (_byText.TryGetValue(text, out LinkedListNode<(string Text, JsonSchema Schema)>? known))
            {
                _hits++;
                _byUse.Remove(known);
                _byUse.AddFirst(known);
                return known.Value.Schema;
            }
        }

        Interlocked.Increment(ref _misses);
        long begin = Stopwatch.GetTimestamp();
        var made = JsonSchema.Compile(text);                      // outside the lock: it may take two seconds
        compiled?.Invoke(Stopwatch.GetElapsedTime(begin));
        lock (_gate)
        {
            if (!_byText.ContainsKey(text))
            {
                _byText[text] = _byUse.AddFirst((text, made));
                _characters += text.Length;
                while (_characters > MostCharacters && _byUse.Count > 1)
                    Forget(_byUse.Last!);
            }
        }

        return made;
    }

    private void Forget(LinkedListNode<(string Text, JsonSchema Schema)> node)
    {
        _byUse.Remove(node);
        _byText.Remove(node.Value.Text);
        _characters -= node.Value.Text.Length;
    }
}
