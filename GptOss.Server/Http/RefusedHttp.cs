using System.Diagnostics;
using System.IO.Pipelines;
using System.Text;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.WebUtilities;
using BadHttpRequestException = Microsoft.AspNetCore.Http.BadHttpRequestException;

namespace GptOss.Server.Http;

/// <summary>
/// Gives the API's error shape to what Kestrel refuses before any application sees it: what is not HTTP, a head that is too large or never comes.
/// Kestrel answers such a request with a bare status and closes the connection; here its event says so, and the bare answer is replaced.
/// </summary>
/// <param name="refused">Receives the status of each.</param>
internal sealed class RefusedHttp(Action<int> refused) : IObserver<KeyValuePair<string, object?>>
{
    private const string Event = "Microsoft.AspNetCore.Server.Kestrel.BadRequest";

    /// <summary>Wraps what a server's connections write, so that an answer can be replaced.</summary>
    internal static void Prepare(KestrelServerOptions kestrel) => kestrel.ConfigureEndpointDefaults(listen => listen.Use(next => connection =>
    {
        var output = new ReplacingWriter(connection.Transport.Output);
        connection.Features.Set(output);
        connection.Transport = new Wrapped(connection.Transport.Input, output);
        return next(connection);
    }));

    /// <summary>Hears of refusals until it is disposed.</summary>
    internal IDisposable ListenTo(DiagnosticListener server) => server.Subscribe(this, (name, _, _) => name == Event);

    /// <summary>What is wrong with a request that is not well-formed, or too large, or too slow.</summary>
    internal static ApiException Failure(BadHttpRequestException exception) => exception.StatusCode switch
    {
        StatusCodes.Status400BadRequest => new ApiException(400, "invalid_json", "The request is not well-formed HTTP."),
        StatusCodes.Status408RequestTimeout => new ApiException(408, "request_timeout", "The request did not arrive in time."),
        StatusCodes.Status413RequestEntityTooLarge or StatusCodes.Status414RequestUriTooLong or StatusCodes.Status431RequestHeaderFieldsTooLarge =>
            new ApiException(exception.StatusCode, "request_too_large", "The request's path, headers or body are too large."),
        int status => new ApiException(status, "invalid_value", $"The server does not take such a request: {ReasonPhrases.GetReasonPhrase(status)}."),
    };

    void IObserver<KeyValuePair<string, object?>>.OnNext(KeyValuePair<string, object?> happened)
    {
        // On the connection's own thread of work, before the answer is written.
        if (happened.Value is not IFeatureCollection features || features.Get<ReplacingWriter>() is not { } output
            || features.Get<IBadRequestExceptionFeature>()?.Error is not BadHttpRequestException exception
            || features.Get<IHttpResponseFeature>() is not { HasStarted: false }
            || features.Get<IHttpRequestFeature>()?.Method == HttpMethods.Head)
        {
            return;
        }
        refused(exception.StatusCode);
        output.Replace(Answer(Failure(exception)));
    }

    void IObserver<KeyValuePair<string, object?>>.OnError(Exception error)
    {
    }

    void IObserver<KeyValuePair<string, object?>>.OnCompleted()
    {
    }

    private static byte[] Answer(ApiException failure)
    {
        string body = ApiJson.Text(Answers.Error(failure));
        return Encoding.UTF8.GetBytes($"HTTP/1.1 {failure.Status} {ReasonPhrases.GetReasonPhrase(failure.Status)}\r\n"
            + $"Content-Type: application/json\r\nContent-Length: {Encoding.UTF8.GetByteCount(body)}\r\nConnection: close\r\n"
            + $"Date: {DateTimeOffset.UtcNow:R}\r\ncache-control: no-store\r\nx-request-id: {Ids.New("req_")}\r\n\r\n{body}");
    }

    private sealed class Wrapped(PipeReader input, PipeWriter output) : IDuplexPipe
    {
        public PipeReader Input => input;

        public PipeWriter Output => output;
    }
}
