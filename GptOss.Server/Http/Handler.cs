namespace GptOss.Server.Http;

/// <summary>A handler of one request; <paramref name="id"/> is what the path holds in the place of <c>{id}</c>, decoded.</summary>
internal delegate Task Handler(HttpContext context, string id);
