namespace GptOss.Server;

/// <summary>What a server does and how much of it. The defaults suit one machine and its user.</summary>
public sealed record ServerOptions
{
    private readonly double _defaultTemperature = 1;

    /// <summary>Keys that clients must send one of; empty asks for none.</summary>
    public IReadOnlyList<string> ApiKeys { get; init; } = [];

    /// <summary>Origins of web pages that may use the server, beside those of this machine; <c>*</c> is every page.</summary>
    public IReadOnlyList<string> CorsOrigins { get; init; } = [];

    /// <summary>Whether any model name in a request means the served model.</summary>
    public bool AnyModel { get; init; }

    /// <summary>The day that the model is told it is; null for today's date.</summary>
    public DateOnly? Date { get; init; }

    /// <summary>The temperature of requests that state none; 0 always takes the most probable token.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not 0 to 2.</exception>
    public double DefaultTemperature
    {
        get => _defaultTemperature;
        init => _defaultTemperature = value is >= 0 and <= 2 ? value : throw new ArgumentOutOfRangeException(nameof(DefaultTemperature), value, "A temperature is 0 to 2.");
    }

    /// <summary>Largest body of a request in bytes, uncompressed.</summary>
    public long MaxBodyBytes { get; init; } = 8 << 20;

    /// <summary>Time that a client has to send a body.</summary>
    public TimeSpan BodyTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>A silence in a stream after which a comment is sent.</summary>
    public TimeSpan KeepAlive { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Requests that may wait for a free place; more are refused with 429.</summary>
    public int MaxQueue { get; init; } = 64;

    /// <summary>Requests that run at once; null for what the memory allows.</summary>
    public int? MaxConcurrent { get; init; }

    /// <summary>Bytes of computed prompts that are kept for later requests; null for a share of the memory.</summary>
    public long? CacheBytes { get; init; }

    /// <summary>The fields of Chat Completions that the reasoning comes in.</summary>
    public IReadOnlyList<string> ReasoningFields { get; init; } = ["reasoning", "reasoning_content"];

    /// <summary>Responses that are kept for <c>previous_response_id</c>.</summary>
    public int StoredResponses { get; init; } = 1000;

    /// <summary>Memory of all kept responses together, in bytes.</summary>
    public long StoredBytes { get; init; } = 256L << 20;

    /// <summary>A SQLite file that keeps the responses across restarts; null keeps them in memory.</summary>
    public string? StoreFile { get; init; }

    /// <summary>How long running requests may go on after the server was asked to end.</summary>
    public TimeSpan Grace { get; init; } = TimeSpan.FromSeconds(30);
}
