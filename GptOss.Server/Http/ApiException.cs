namespace GptOss.Server.Http;

/// <summary>A request that is answered with an error: <c>{"error": {"message", "type", "param", "code"}}</c>.</summary>
/// <param name="status">HTTP status.</param>
/// <param name="code">What is wrong, for programs: <c>invalid_value</c>.</param>
/// <param name="message">What is wrong, for people.</param>
/// <param name="param">Path of the field that is wrong, such as <c>messages[2].content</c>; null where no field is.</param>
internal sealed class ApiException(int status, string code, string message, string? param = null) : Exception(message)
{
    internal int Status { get; } = status;

    internal string Code { get; } = code;

    internal string? Param { get; } = param;

    /// <summary>The error's class, which follows from the status.</summary>
    internal string Type => Status switch
    {
        StatusCodes.Status429TooManyRequests => "rate_limit_error",
        >= StatusCodes.Status500InternalServerError => "server_error",
        _ => "invalid_request_error",
    };

    /// <summary>Seconds after which another try may succeed; null where none will.</summary>
    internal int? RetryAfterSeconds { get; init; }

    /// <summary>Methods that the path does have, for a 405.</summary>
    internal string? Allow { get; init; }

    internal static ApiException Invalid(string param, string message) => new(400, "invalid_value", message, param);

    internal static ApiException Missing(string param) => new(400, "missing_required_parameter", $"{param} is missing.", param);

    internal static ApiException Unsupported(string param, string message) => new(400, "unsupported_parameter", message, param);

    internal static ApiException UnsupportedValue(string param, string message) => new(400, "unsupported_value", message, param);

    internal static ApiException NotFound(string message) => new(404, "not_found", message);
}
