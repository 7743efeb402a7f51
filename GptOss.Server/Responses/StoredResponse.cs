using System.Text.Json;

namespace GptOss.Server.Responses;

/// <summary>A response that was kept.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Body">The object as it was answered.</param>
/// <param name="Context">Its items, and those before them.</param>
internal sealed record StoredResponse(string Id, JsonElement Body, StoredContext Context)
{
    /// <summary>An upper bound of the memory it keeps alive. Shared contexts count for every response that continues them.</summary>
    internal long Bytes { get; } = Context.Bytes + (long)Body.GetRawText().Length * sizeof(char);
}
