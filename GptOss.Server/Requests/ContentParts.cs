using GptOss.Server.Http;

namespace GptOss.Server.Requests;

/// <summary>The text of a message's content: a string, or a list of parts that are joined without a separator.</summary>
internal static class ContentParts
{
    private const int MostParts = 10_000;

    /// <summary>Reads a content.</summary>
    /// <exception cref="ApiException">A part is not text: a picture, audio, a file.</exception>
    internal static string Text(Field content)
    {
        if (content.IsString) return content.String();
        if (!content.IsArray) throw content.WrongType("a string or a list of parts");
        return string.Concat(content.Elements(MostParts).Select(PartText));
    }

    private static string PartText(Field part)
    {
        if (part.IsString) return part.String();
        string type = part.Required("type").String();
        return type switch
        {
            "text" or "input_text" or "output_text" or "reasoning_text" or "summary_text" => part.Required("text").String(),
            "refusal" => part["refusal"]?.String() ?? "",
            _ => throw ApiException.UnsupportedValue(part.Path, $"{part.Path} is of type '{Field.Shown(type)}'; this model reads text only."),
        };
    }
}
