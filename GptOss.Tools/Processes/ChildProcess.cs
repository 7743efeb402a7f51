using System.Diagnostics;
using System.Text;

namespace GptOss.Tools.Processes;

/// <summary>How a child process ended.</summary>
internal enum ChildEnd
{
    /// <summary>It ended by itself.</summary>
    Exited,

    /// <summary>It was stopped at its time limit.</summary>
    TimedOut,

    /// <summary>It wrote more than its output limit and was stopped.</summary>
    TooMuchOutput,

    /// <summary>The caller stopped it.</summary>
    Cancelled,

    /// <summary>It could not be started.</summary>
    NotStarted,
}

/// <summary>What a child process did.</summary>
/// <param name="End">How it ended.</param>
/// <param name="ExitCode">Its exit code, where it ended by itself.</param>
/// <param name="Output">Standard output, at most the limit.</param>
/// <param name="Error">Standard error, at most the limit; where it was not started, why.</param>
internal sealed record ChildResult(ChildEnd End, int ExitCode, string Output, string Error);

/// <summary>Runs a program without a shell, with limits on time and output. Whatever the program does, the caller gets an answer.</summary>
internal static class ChildProcess
{
    // How long a program may take to end after it was asked to.
    private static readonly TimeSpan StopGrace = TimeSpan.FromSeconds(0.5);

    // How long a pipe may stay open after the processes ended.
    private static readonly TimeSpan PipeGrace = TimeSpan.FromSeconds(1);

    /// <summary>Runs a program to its end. When the task completes, the program and its children have ended.</summary>
    /// <param name="start">The program and its arguments; its streams are set here.</param>
    /// <param name="input">What it reads, in UTF-8.</param>
    /// <param name="timeout">The time after which it is stopped.</param>
    /// <param name="outputBytes">The most that is kept of each output.</param>
    /// <param name="cancellation">Stops it; the result says so.</param>
    internal static async Task<ChildResult> RunAsync(
        ProcessStartInfo start, string input, TimeSpan timeout, int outputBytes, CancellationToken cancellation)
    {
        if (cancellation.IsCancellationRequested) return new ChildResult(ChildEnd.NotStarted, -1, "", "the call was cancelled.");
        (start.UseShellExecute, start.RedirectStandardInput, start.RedirectStandardOutput, start.RedirectStandardError) = (false, true, true, true);
        ProcessGroup group;
        try
        {
            group = ProcessGroup.Start(start);
        }
        catch (IOException e)
        {
            return new ChildResult(ChildEnd.NotStarted, -1, "", e.Message);
        }
        using (group)
        {
            Process process = group.Leader;
            using var flooded = new CancellationTokenSource();
            using var timer = new CancellationTokenSource(timeout);
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation, timer.Token, flooded.Token);
            using var output = new MemoryStream();
            using var error = new MemoryStream();
            Task reading = Task.WhenAll(
                KeepAsync(process.StandardOutput.BaseStream, output, outputBytes, flooded.Cancel),
                KeepAsync(process.StandardError.BaseStream, error, outputBytes, () => { }));
            Task writing = FeedAsync(process, input);
            ChildEnd end = ChildEnd.Exited;
            try
            {
                await process.WaitForExitAsync(stop.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                end = cancellation.IsCancellationRequested ? ChildEnd.Cancelled
                    : timer.IsCancellationRequested ? ChildEnd.TimedOut
                    : ChildEnd.TooMuchOutput;
            }
            if (end is ChildEnd.Exited) group.Kill();                           // Children that it left behind.
            else await group.StopAsync(StopGrace).ConfigureAwait(false);
            await Task.WhenAny(Task.WhenAll(reading, writing), Task.Delay(PipeGrace, CancellationToken.None)).ConfigureAwait(false);
            if (flooded.IsCancellationRequested && end is ChildEnd.Exited) end = ChildEnd.TooMuchOutput;
            return new ChildResult(end, end is ChildEnd.Exited ? process.ExitCode : -1, Text(output), Text(error));
        }
    }

    private static async Task FeedAsync(Process process, string input)
    {
        try
        {
            await process.StandardInput.BaseStream.WriteAsync(Encoding.UTF8.GetBytes(input)).ConfigureAwait(false);
            process.StandardInput.Close();
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or InvalidOperationException)
        {
            // A program need not read its input.
        }
    }

    private static async Task KeepAsync(Stream from, MemoryStream to, int most, Action onMore)
    {
        byte[] buffer = new byte[16 * 1024];
        try
        {
            for (int read; (read = await from.ReadAsync(buffer).ConfigureAwait(false)) > 0;)
            {
                int room = most - (int)to.Length;
                lock (to) to.Write(buffer, 0, Math.Min(read, room));
                if (read > room) onMore();
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or InvalidOperationException or OperationCanceledException)
        {
            // The pipe broke with the process; what arrived is kept.
        }
    }

    private static string Text(MemoryStream stream)
    {
        lock (stream) return Encoding.UTF8.GetString(stream.GetBuffer(), 0, (int)stream.Length);
    }
}
