using System.Text.Json;
using GptOss.Server.Http;
using Microsoft.Data.Sqlite;

namespace GptOss.Server.Responses;

/// <summary>Keeps responses in a SQLite file, so that they outlive the server. Bounded in number; the least recently used go first.</summary>
/// <remarks>
/// A row holds a response's own items and the id before it. Deleting a response hides its row as long as others continue it, and removes it
/// with the last of them. Items are found by their ids through a table of places: those of the input, then those of the output.
/// </remarks>
internal sealed class SqliteStore : IResponseStore
{
    private readonly Lock _gate = new();
    private readonly SqliteConnection _connection;
    private readonly int _maxResponses;
    private readonly TimeProvider _clock;

    /// <exception cref="ServerOptionsException">The file cannot be used.</exception>
    internal SqliteStore(string file, int maxResponses, TimeProvider clock)
    {
        (_maxResponses, _clock) = (maxResponses, clock);
        _connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = file, Pooling = false }.ToString());
        try
        {
            _connection.Open();
            Run("PRAGMA journal_mode = WAL");
            Run("""
                CREATE TABLE IF NOT EXISTS responses (
                    id TEXT PRIMARY KEY, owner TEXT NOT NULL, before_id TEXT, body TEXT NOT NULL, input TEXT NOT NULL, output TEXT NOT NULL,
                    used INTEGER NOT NULL, hidden INTEGER NOT NULL DEFAULT 0) STRICT
                """);
            Run("CREATE INDEX IF NOT EXISTS responses_before ON responses (before_id)");
            Run("""
                CREATE TABLE IF NOT EXISTS items (
                    owner TEXT NOT NULL, id TEXT NOT NULL, response_id TEXT NOT NULL, place INTEGER NOT NULL,
                    PRIMARY KEY (owner, id, response_id)) STRICT, WITHOUT ROWID
                """);
            Run("CREATE INDEX IF NOT EXISTS items_response ON items (response_id)");
            Run("""
                CREATE TRIGGER IF NOT EXISTS responses_gone AFTER DELETE ON responses
                    BEGIN DELETE FROM items WHERE response_id = old.id; END
                """);
        }
        catch (SqliteException exception)
        {
            _connection.Dispose();
            throw new ServerOptionsException($"{file}: cannot be used as a store of responses: {exception.Message}");
        }
    }

    public int Count
    {
        get
        {
            lock (_gate)
            {
                using SqliteCommand count = Command("SELECT count(*) FROM responses WHERE hidden = 0");
                return (int)(long)count.ExecuteScalar()!;
            }
        }
    }

    public void Add(string owner, StoredResponse response)
    {
        lock (_gate)
        {
            using SqliteTransaction all = _connection.BeginTransaction();
            Run("INSERT INTO responses (id, owner, before_id, body, input, output, used) VALUES ($0, $1, $2, $3, $4, $5, $6)",
                response.Id, owner, response.Context.Before?.Id, response.Body.GetRawText(), Text(response.Context.Input),
                Text(response.Context.Output), Now());
            int place = 0;
            foreach (JsonElement item in response.Context.Input.Concat(response.Context.Output))
            {
                if (item.TryGetProperty("id", out JsonElement id) && id.ValueKind == JsonValueKind.String)
                    Run("INSERT OR REPLACE INTO items VALUES ($0, $1, $2, $3)", owner, id.GetString(), response.Id, place);
                place++;
            }

            Run("""
                UPDATE responses SET hidden = 1 WHERE hidden = 0 AND id NOT IN
                    (SELECT id FROM responses WHERE hidden = 0 ORDER BY used DESC LIMIT $0)
                """, _maxResponses);
            Sweep();
            all.Commit();
        }
    }

    public StoredResponse? Find(string owner, string id)
    {
        lock (_gate)
        {
            using SqliteCommand find = Command("SELECT body FROM responses WHERE id = $0 AND owner = $1 AND hidden = 0", id, owner);
            if (find.ExecuteScalar() is not string body || Context(id) is not { } context)
                return null;
            Run("UPDATE responses SET used = $0 WHERE id = $1", Now(), id);
            return new StoredResponse(id, ApiJson.Parse(body), context);
        }
    }

    public bool Delete(string owner, string id)
    {
        lock (_gate)
        {
            bool found = Run("UPDATE responses SET hidden = 1 WHERE id = $0 AND owner = $1 AND hidden = 0", id, owner) > 0;
            Sweep();
            return found;
        }
    }

    public JsonElement? FindItem(string owner, string id)
    {
        lock (_gate)
        {
            using SqliteCommand find = Command("""
                SELECT input, output, place FROM items JOIN responses ON responses.id = response_id
                    WHERE items.owner = $1 AND items.id = $0 ORDER BY used DESC LIMIT 1
                """, id, owner);
            using SqliteDataReader row = find.ExecuteReader();
            if (!row.Read())
                return null;
            IReadOnlyList<JsonElement> input = Elements(row.GetString(0));
            int place = row.GetInt32(2);
            return place < input.Count ? input[place] : Elements(row.GetString(1))[place - input.Count];
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _connection.Dispose();
        }
    }

    // Walks back from a response to the first; then builds forward.
    private StoredContext? Context(string id)
    {
        var rows = new Stack<(string Id, string Input, string Output)>();
        for (string? at = id; at is not null;)
        {
            using SqliteCommand read = Command("SELECT before_id, input, output FROM responses WHERE id = $0", at);
            using SqliteDataReader row = read.ExecuteReader();
            if (!row.Read())
                return null;
            rows.Push((at, row.GetString(1), row.GetString(2)));
            at = row.IsDBNull(0) ? null : row.GetString(0);
        }

        StoredContext? context = null;
        foreach ((string rowId, string input, string output) in rows)
            context = new StoredContext(rowId, context, Elements(input), Elements(output));
        return context;
    }

    // Hidden rows that nothing continues any more go, one generation after another.
    private void Sweep()
    {
        while (Run("DELETE FROM responses WHERE hidden = 1 AND id NOT IN (SELECT before_id FROM responses WHERE before_id IS NOT NULL)") > 0)
        {
        }
    }

    private int Run(string sql, params object?[] values)
    {
        using SqliteCommand command = Command(sql, values);
        return command.ExecuteNonQuery();
    }

    private SqliteCommand Command(string sql, params object?[] values)
    {
        SqliteCommand command = _connection.CreateCommand();
        command.CommandText = sql;
        for (int i = 0; i < values.Length; i++)
            command.Parameters.AddWithValue($"${i}", values[i] ?? DBNull.Value);
        return command;
    }

    private long Now() => _clock.GetUtcNow().ToUnixTimeMilliseconds();

    private static string Text(IReadOnlyList<JsonElement> items) => $"[{string.Join(',', items.Select(item => item.GetRawText()))}]";

    private static IReadOnlyList<JsonElement> Elements(string items) => [.. ApiJson.Parse(items).EnumerateArray()];
}
