namespace GptOss.Server.Http;

/// <summary>
/// Finds the handler of a request. Our own few lines, because every answer, a wrong path or method too, has the API's error shape, and ids may hold
/// slashes, percent-encoded or not.
/// </summary>
internal sealed class Router
{
    private readonly List<Route> _routes = [];

    /// <summary>Adds a route such as <c>/v1/responses/{id}/input_items</c>.</summary>
    internal void Add(string method, string pattern, Handler handler)
    {
        string[] parts = pattern.Split("{id}");
        _routes.Add(new Route(method, pattern, parts[0], parts.Length > 1 ? parts[1] : null, handler));
    }

    /// <summary>The handler of a method and a path, the path's id, and the route's pattern.</summary>
    /// <exception cref="ApiException">404 or 405.</exception>
    internal (Handler Handler, string Id, string Pattern) Find(string method, string path)
    {
        if (path.Length > 1) path = path.TrimEnd('/');
        if (path.Length == 0) path = "/";
        string asked = HttpMethods.IsHead(method) ? HttpMethods.Get : method;
        List<(Route Route, string Id)> found = [.. from route in _routes let id = Match(path, route) where id is not null select (route, id)];

        // The shortest id first: /v1/responses/x/input_items is not the response 'x/input_items'.
        (Route? best, string bestId) = found.Where(match => match.Route.Method == asked).OrderBy(match => match.Id.Length).FirstOrDefault();
        if (best is not null) return (best.Handler, bestId, best.Pattern);
        if (found.Count > 0)
        {
            string allow = string.Join(", ", found.Select(match => match.Route.Method).Distinct()
                .SelectMany(m => m == HttpMethods.Get ? [m, HttpMethods.Head] : new[] { m }).Append(HttpMethods.Options));
            throw new ApiException(405, "method_not_allowed", $"{path} does not take {method}; it takes {allow}.") { Allow = allow };
        }

        string hint = _routes.Any(route => Match("/v1" + path, route) is not null) ? $" Did you mean /v1{path}?" : "";
        throw ApiException.NotFound($"There is no {path} here.{hint}");
    }

    private static string? Match(string path, Route route)
    {
        if (route.After is null) return path == route.Before ? "" : null;
        if (path.Length <= route.Before.Length + route.After.Length || !path.StartsWith(route.Before, StringComparison.Ordinal)
            || !path.EndsWith(route.After, StringComparison.Ordinal))
        {
            return null;
        }

        return Uri.UnescapeDataString(path[route.Before.Length..^route.After.Length]);
    }

    private sealed record Route(string Method, string Pattern, string Before, string? After, Handler Handler);
}
