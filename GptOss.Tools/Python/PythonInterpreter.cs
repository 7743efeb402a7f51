using System.Buffers.Binary;
using System.Diagnostics;
using System.Text.Json;
using GptOss.Tools.Processes;

namespace GptOss.Tools.Python;

/// <summary>A running child interpreter. It is untrusted: what it answers is bounded and checked.</summary>
internal sealed class PythonInterpreter : IDisposable
{
    private readonly ProcessGroup _group;

    private PythonInterpreter(ProcessGroup group) => _group = group;

    private Process Process => _group.Leader;

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
        // Nothing else of the caller's environment, which may hold keys.
        string[] kept = ["PATH", "LANG", "SystemRoot"];
        foreach (string name in start.Environment.Keys.Where(name => !kept.Contains(name)).ToArray())
            start.Environment.Remove(name);
        string home = sandbox.HasDataFolder ? "/mnt/data" : scratch;
        foreach (string name in (string[])["HOME", "TMPDIR"])
            start.Environment[name] = home;
        start.Environment["PYTHONIOENCODING"] = "utf-8";
        start.Environment["MPLBACKEND"] = "Agg";
        var group = ProcessGroup.Start(start);
        group.Leader.ErrorDataReceived += (_, _) => { };            // Before the driver runs; afterwards nothing is written there.
        group.Leader.BeginErrorReadLine();
        return new PythonInterpreter(group);
    }

    /// <summary>Runs code.</summary>
    /// <exception cref="IOException">The interpreter ended, or answered something else than a result.</exception>
    /// <exception cref="OperationCanceledException">It did not answer in time and cannot be used any more.</exception>
    internal async Task<PythonResult> RunAsync(string code, TimeSpan timeout, int outputBytes, CancellationToken cancellation)
    {
        try
        {
            byte[] request = JsonSerializer.SerializeToUtf8Bytes(
                new PythonRequest(code, timeout.TotalSeconds, outputBytes), PythonJsonContext.Default.PythonRequest);
            byte[] head = new byte[4];
            BinaryPrimitives.WriteInt32BigEndian(head, request.Length);
            Stream input = Process.StandardInput.BaseStream, output = Process.StandardOutput.BaseStream;
            await input.WriteAsync(head, cancellation).ConfigureAwait(false);
            await input.WriteAsync(request, cancellation).ConfigureAwait(false);
            await input.FlushAsync(cancellation).ConfigureAwait(false);

            await output.ReadExactlyAsync(head, cancellation).ConfigureAwait(false);
            uint length = BinaryPrimitives.ReadUInt32BigEndian(head);
            // JSON writes a character in at most 12 bytes.
            if (length > 16L * outputBytes + 4096)
                throw new IOException("the interpreter answered out of turn.");
            byte[] answer = new byte[length];
            await output.ReadExactlyAsync(answer, cancellation).ConfigureAwait(false);
            using var document = JsonDocument.Parse(answer);
            JsonElement root = document.RootElement;
            return new PythonResult(
                root.GetProperty("out").GetString()!, root.GetProperty("err").GetString()!,
                root.GetProperty("cut").GetBoolean(), root.GetProperty("timed_out").GetBoolean());
        }
        catch (EndOfStreamException e)
        {
            throw new IOException($"the interpreter ended{(Process.WaitForExit(1000) ? $" with exit code {Process.ExitCode}" : "")}.", e);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            throw new IOException("the interpreter answered out of turn.", e);
        }
    }

    /// <summary>Ends the interpreter and all that it started.</summary>
    public void Dispose() => _group.Dispose();
}
