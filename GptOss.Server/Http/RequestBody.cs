using System.Buffers;
using System.IO.Compression;
using System.Text.Json;
using System.Text.Unicode;
using GptOss.Server.Requests;
using Microsoft.AspNetCore.Http.Features;

namespace GptOss.Server.Http;

/// <summary>Reads a request's body: one JSON object in UTF-8, bounded in bytes, time and depth, whatever its content type says.</summary>
internal static class RequestBody
{
    /// <summary>How deep objects and arrays may nest.</summary>
    internal const int MaxDepth = 128;

    /// <summary>Reads and parses the body. The caller disposes the document.</summary>
    /// <exception cref="ApiException">It is too large, too slow, encoded in an unknown way, or not such an object.</exception>
    internal static async Task<JsonDocument> ReadAsync(HttpContext context, long maxBytes, TimeSpan limit)
    {
        // Bytes are counted below, after decompression; the connection's own limit would only see the compressed ones.
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size)
            size.MaxRequestBodySize = null;
        if (context.Request.ContentLength > maxBytes)
            throw TooLarge(maxBytes);

        using var timer = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted);
        timer.CancelAfter(limit);
        byte[] body;
        try
        {
            body = await ReadBytesAsync(context.Request, maxBytes, timer.Token);
        }
        catch (OperationCanceledException) when (!context.RequestAborted.IsCancellationRequested)
        {
            throw new ApiException(408, "request_timeout", $"The request's body did not arrive within {limit.TotalSeconds:0} s.");
        }
        catch (BadHttpRequestException exception) when (exception.StatusCode is 408 or 413)
        {
            throw exception.StatusCode == 413
                ? TooLarge(maxBytes)
                : new ApiException(408, "request_timeout", "The request's body arrives too slowly.");
        }
        catch (Exception exception) when (exception is InvalidDataException or BadHttpRequestException)
        {
            throw NotJson("The request's body is damaged.");
        }

        return Parse(body);
    }

    /// <summary>Parses bytes as a request's JSON object.</summary>
    /// <exception cref="ApiException">They are not UTF-8, not JSON, too deep, or another kind of value.</exception>
    internal static JsonDocument Parse(byte[] body)
    {
        Memory<byte> json = body.AsMemory(body.AsSpan().StartsWith("\uFEFF"u8) ? 3 : 0);
        if (!Utf8.IsValid(json.Span))
            throw NotJson("The request's body is not UTF-8.");
        LoneSurrogates.Replace(json.Span);
        try
        {
            var document = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = MaxDepth });
            if (document.RootElement.ValueKind == JsonValueKind.Object)
                return document;
            string kind = Field.KindOf(document.RootElement);
            document.Dispose();
            throw NotJson($"The request's body is {kind}; expected a JSON object.");
        }
        catch (JsonException) when (IsTooDeep(json.Span))
        {
            throw NotJson($"The request's body nests deeper than {MaxDepth} levels.");
        }
        catch (JsonException exception)
        {
            throw NotJson($"The request's body is not valid JSON: line {exception.LineNumber + 1}, byte {exception.BytePositionInLine + 1}.");
        }
    }

    // Whether it is well-formed up to the first level too many.
    private static bool IsTooDeep(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = MaxDepth + 1 });
        try
        {
            while (reader.Read())
            {
                if (reader.TokenType is JsonTokenType.StartObject or JsonTokenType.StartArray && reader.CurrentDepth == MaxDepth)
                    return true;
            }
        }
        catch (JsonException)
        {
            // Something else is wrong with it.
        }

        return false;
    }

    private static async Task<byte[]> ReadBytesAsync(HttpRequest request, long maxBytes, CancellationToken cancellation)
    {
        await using Stream content = Decoded(request);
        var body = new ArrayBufferWriter<byte>();
        while (true)
        {
            int read = await content.ReadAsync(body.GetMemory(16384), cancellation);
            if (read == 0)
                return body.WrittenSpan.ToArray();
            body.Advance(read);
            if (body.WrittenCount > maxBytes)
                throw TooLarge(maxBytes);
        }
    }

    private static Stream Decoded(HttpRequest request) => request.Headers.ContentEncoding.ToString().Trim().ToUpperInvariant() switch
    {
        "" or "IDENTITY" => request.Body,
        "GZIP" or "X-GZIP" => new GZipStream(request.Body, CompressionMode.Decompress, leaveOpen: true),
        "BR" => new BrotliStream(request.Body, CompressionMode.Decompress, leaveOpen: true),
        "DEFLATE" => new ZLibStream(request.Body, CompressionMode.Decompress, leaveOpen: true),
        _ => throw new ApiException(415, "unsupported_media_type", "Content-Encoding is not gzip, br or deflate."),
    };

    private static ApiException TooLarge(long maxBytes) => new(413, "request_too_large", $"The request's body is larger than {maxBytes} bytes.");

    private static ApiException NotJson(string message) => new(400, "invalid_json", message);
}
