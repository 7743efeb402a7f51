using System.Text.Json.Nodes;
using GptOss.Reference.Serving;
using GptOss.Server.Http;
using GptOss.Server.Requests;

namespace GptOss.Server.Chat;

/// <summary>A call in the words of Chat Completions.</summary>
/// <param name="Id">Its id, which the result will name.</param>
/// <param name="Name">The function, without its namespace.</param>
/// <param name="IsCustom">Whether its input is free text.</param>
internal sealed record ChatCall(string Id, string Name, bool IsCustom)
{
    internal static ChatCall To(string recipient, OfferedTools tools)
    {
        TurnFunction? function = tools.Find(recipient);
        string name = function?.Name ?? (recipient.StartsWith("functions.", StringComparison.Ordinal) ? recipient["functions.".Length..] : recipient);
        return new ChatCall(Ids.New("call_"), name, function?.IsCustom ?? false);
    }

    /// <summary>The call with its input: whole, or empty where the pieces follow.</summary>
    internal JsonObject Json(string input) => IsCustom
        ? new JsonObject { ["id"] = Id, ["type"] = "custom", ["custom"] = new JsonObject { ["name"] = Name, ["input"] = input } }
        : new JsonObject { ["id"] = Id, ["type"] = "function", ["function"] = new JsonObject { ["name"] = Name, ["arguments"] = input } };

    /// <summary>A piece of the input.</summary>
    internal JsonObject Piece(string input) => IsCustom
        ? new JsonObject { ["custom"] = new JsonObject { ["input"] = input } }
        : new JsonObject { ["function"] = new JsonObject { ["arguments"] = input } };
}
