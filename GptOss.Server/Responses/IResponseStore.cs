using System.Text.Json;

namespace GptOss.Server.Responses;

/// <summary>Where responses are kept for <c>previous_response_id</c>. Owners do not see each other's. Thread-safe.</summary>
internal interface IResponseStore : IDisposable
{
    /// <summary>How many are kept.</summary>
    int Count { get; }

    /// <summary>Keeps a response that has ended.</summary>
    void Add(string owner, StoredResponse response);

    /// <summary>A kept response; null if it is unknown, deleted, too old, or another's.</summary>
    StoredResponse? Find(string owner, string id);

    /// <summary>Forgets a response; false if there was none.</summary>
    bool Delete(string owner, string id);

    /// <summary>An item of a kept response by its id, for an <c>item_reference</c>; null for none.</summary>
    JsonElement? FindItem(string owner, string id);
}
