using System.Buffers.Binary;
using System.Diagnostics;
using System.Text.Json;
using GptOss.Tools.Processes;

namespace GptOss.Tools.Python;

/// <summary>What one run of code gave.</summary>
/// <param name="Output">Its standard output, the last expression's value included.</param>
/// <param name="Error">Its standard error, a traceback included.</param>
/// <param name="IsCut">Whether there was more than the limit.</param>
/// <param name="TimedOut">Whether it was interrupted.</param>
internal sealed record PythonResult(string Output, string Error, bool IsCut, bool TimedOut);

/// <summary>A running child interpreter. It is untrusted: what it answers is bounded and checked.</summary>
internal sealed class PythonInterpreter : IDisposable
{
    private readonly Process _process;

    private PythonInterpreter(Process process) => _process = process;

    /// <summary>Starts an interpreter.</summary>
    /// <exception cref="IOException">It could not be started.</exception>
    internal static PythonInterpreter Start(PythonSandbox sandbox, string interpreter, string scratch)
    {
        string[] command = [.. sandbox.Prefix, interpreter, "-u", "-c", PythonDriver.Source];
        var start = new ProcessStartInfo(command[0], command.Skip(1))
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = scratch,
        };
        // Nothing of the caller's surroundings: keys live there.
        string[] kept = ["PATH", "LANG", "SystemRoot"];
        foreach (string name in start.Environment.Keys.Where(name => !kept.Contains(name)).ToArray()) start.Environment.Remove(name);
        string home = sandbox.HasDataFolder ? "/mnt/data" : scratch;
        foreach (string name in (string[])["HOME", "TMPDIR"]) start.Environment[name] = home;
        start.Environment["PYTHONIOENCODING"] = "utf-8";
        start.Environment["MPLBACKEND"] = "Agg";
        try
        {
            Process process = Process.Start(start) ?? throw new IOException($"{interpreter} was not started.");
            process.ErrorDataReceived += (_, _) => { };                    // before the driver runs; afterwards nothing writes there
            process.BeginErrorReadLine();
            return new PythonInterpreter(process);
        }
        catch (Exception e) when (e is System.ComponentModel.Win32Exception or InvalidOperationException)
        {
            throw new IOException(e.Message, e);
        }
    }

    /// <summary>Runs code.</summary>
    /// <exception cref="IOException">The interpreter ended, or answered something else than a result.</exception>
    /// <exception cref="OperationCanceledException">It did not answer in time; it is of no further use.</exception>
    internal async Task<PythonResult> RunAsync(string code, TimeSpan timeout, int outputBytes, CancellationToken cancellation)
    {
        try
        {
            byte[] request = JsonSerializer.SerializeToUtf8Bytes(new PythonRequest(code, timeout.TotalSeconds, outputBytes), PythonJsonContext.Default.PythonRequest);
            byte[] head = new byte[4];
            BinaryPrimitives.WriteInt32BigEndian(head, request.Length);
            Stream input = _process.StandardInput.BaseStream, output = _process.StandardOutput.BaseStream;
            await input.WriteAsync(head, cancellation).ConfigureAwait(false);
            await input.WriteAsync(request, cancellation).ConfigureAwait(false);
            await input.FlushAsync(cancellation).ConfigureAwait(false);

            await output.ReadExactlyAsync(head, cancellation).ConfigureAwait(false);
            uint length = BinaryPrimitives.ReadUInt32BigEndian(head);
            if (length > 16L * outputBytes + 4096) throw new IOException("the interpreter answered out of turn.");    // JSON writes a character in at most 12 bytes
            byte[] answer = new byte[length];
            await output.ReadExactlyAsync(answer, cancellation).ConfigureAwait(false);
            using JsonDocument document = JsonDocument.Parse(answer);
            JsonElement root = document.RootElement;
            return new PythonResult(
                root.GetProperty("out").GetString()!, root.GetProperty("err").GetString()!, root.GetProperty("cut").GetBoolean(), root.GetProperty("timed_out").GetBoolean());
        }
        catch (EndOfStreamException e)
        {
            throw new IOException($"the interpreter ended{(_process.WaitForExit(1000) ? $" with exit code {_process.ExitCode}" : "")}.", e);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            throw new IOException("the interpreter answered out of turn.", e);
        }
    }

    /// <summary>Ends the interpreter and all that it started.</summary>
    public void Dispose()
    {
        ChildProcess.Kill(_process);
        _process.Dispose();
    }
}

/// <summary>A frame to the driver.</summary>
internal sealed record PythonRequest(
    [property: System.Text.Json.Serialization.JsonPropertyName("code")] string Code,
    [property: System.Text.Json.Serialization.JsonPropertyName("seconds")] double Seconds,
    [property: System.Text.Json.Serialization.JsonPropertyName("limit")] int Limit);

/// <summary>How frames are written, without reflection.</summary>
[System.Text.Json.Serialization.JsonSerializable(typeof(PythonRequest))]
internal sealed partial class PythonJsonContext : System.Text.Json.Serialization.JsonSerializerContext;
