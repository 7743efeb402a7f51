using System.ComponentModel;
using System.Diagnostics;

namespace GptOss.Tools.Processes;

/// <summary>A running program and everything that it started, which ends as a whole.</summary>
/// <remarks>
/// Where the system has <c>setsid</c> (Linux) the program leads a session and process group of its own, and its group is killed: that also reaches
/// a child whose parent is gone. Elsewhere the part of the process tree that is still linked by parents is killed.
/// </remarks>
internal sealed class ProcessGroup : IDisposable
{
    private static readonly Lazy<string?> SetSid = new(() => OperatingSystem.IsWindows() ? null : ProgramPath.Find("setsid"));
    private static readonly TimeSpan KillerTimeout = TimeSpan.FromSeconds(5);

    private readonly int? _group;
    private bool _isKilled;

    private ProcessGroup(Process leader, bool isGroup)
    {
        Leader = leader;
        _group = isGroup ? leader.Id : null;
    }

    /// <summary>The program's own process.</summary>
    internal Process Leader { get; }

    /// <summary>Starts a program.</summary>
    /// <param name="start">The program, its arguments and its streams; the program is looked up here.</param>
    /// <exception cref="IOException">It could not be started; the message is a sentence.</exception>
    internal static ProcessGroup Start(ProcessStartInfo start)
    {
        string name = start.FileName;
        string program = ProgramPath.Find(name) ?? throw new IOException($"there is no program '{name}' that can be executed.");
        bool isGroup = SetSid.Value is not null;
        if (isGroup)
        {
            start.ArgumentList.Insert(0, program);
            start.FileName = SetSid.Value!;
        }
        else
        {
            start.FileName = program;
        }
        try
        {
            return new ProcessGroup(Process.Start(start) ?? throw new IOException($"'{name}' was not started."), isGroup);
        }
        catch (Exception e) when (e is Win32Exception or InvalidOperationException or ArgumentException)
        {
            throw new IOException($"'{name}' could not be started: {e.Message}", e);
        }
    }

    /// <summary>Asks the program and its children to end (SIGTERM), waits, and kills what is left.</summary>
    /// <param name="grace">How long they may take to end.</param>
    internal async Task StopAsync(TimeSpan grace)
    {
        if (_group is not null)
        {
            Signal("TERM");
            using var late = new CancellationTokenSource(grace);
            try
            {
                await Leader.WaitForExitAsync(late.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                // It does not end by itself.
            }
        }
        Kill();
    }

    /// <summary>Kills the program and its children; those that have ended are not an error.</summary>
    internal void Kill()
    {
        if (_isKilled)
            return;
        _isKilled = true;
        try
        {
            // The tree before the group: it reaches a child that made a session of its own while its parent still lives.
            Leader.Kill(entireProcessTree: true);
        }
        catch (Exception e) when (e is InvalidOperationException or Win32Exception or AggregateException or NotSupportedException)
        {
            // It ended in between.
        }
        if (_group is not null)
            Signal("KILL");
    }

    /// <summary>Kills what is left of the group.</summary>
    public void Dispose()
    {
        Kill();
        Leader.Dispose();
    }

    // .NET sends signals to single processes only. A group's number stays taken while one of its members lives; where none does, kill finds nothing.
    private void Signal(string signal)
    {
        var start = new ProcessStartInfo("/bin/sh", ["-c", "kill -s \"$1\" -- \"-$2\"", "sh", signal, $"{_group}"])
        {
            UseShellExecute = false,
            RedirectStandardError = true,
        };
        try
        {
            using var killer = Process.Start(start);
            killer?.WaitForExit(KillerTimeout);
        }
        catch (Exception e) when (e is Win32Exception or InvalidOperationException)
        {
            // No process can be started; the leader's tree has been killed.
        }
    }
}
