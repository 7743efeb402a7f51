using System.Diagnostics;
using System.Globalization;
using GptOss.Tools.Processes;

namespace GptOss.Tools.Python;

/// <summary>The words that come before the interpreter's command, and what they keep it from.</summary>
/// <remarks>
/// On Linux util-linux gives an ordinary user namespaces (<c>unshare</c>, <c>mount</c>, <c>setpriv</c>) and limits (<c>prlimit</c>). What works is
/// found by trying, the strongest first: many systems forbid one or the other, and none says so beforehand.
/// </remarks>
/// <param name="Prefix">Words before the interpreter's command.</param>
/// <param name="Confinement">What they keep it from.</param>
/// <param name="HasDataFolder">Whether its folder is at <c>/mnt/data</c>.</param>
internal sealed record PythonSandbox(IReadOnlyList<string> Prefix, PythonConfinement Confinement, bool HasDataFolder)
{
    private static readonly string[] Unshare = ["unshare", "--user", "--map-root-user", "--net", "--pid", "--fork", "--kill-child"];

    /// <summary>
    /// Builds the interpreter's view of the system in a mount namespace: its folder at <c>/mnt/data</c>, its own <c>/proc</c> (the other one shows
    /// the caller's environment, keys included), its own <c>/run</c>, <c>/tmp</c> and <c>/dev/shm</c> (where sockets of the user's session are; a name
    /// in <c>PATH</c> keeps a folder in view), and everything else read-only. Then it gives up the right to change that view. Where the kernel can
    /// number processes for each namespace (Linux 6.14), the numbers are few; if the machine runs out of memory, the interpreter is killed first.
    /// </summary>
    private const string Script =
        """
        cd "$1" && processes=$2 && shift 2 || exit 90
        [ -d /mnt/data ] || { mount -t tmpfs none /mnt && mkdir /mnt/data; } || exit 91
        mount --bind . /mnt/data || exit 92
        mount -t proc proc /proc || exit 93
        { echo $((300 + processes)) > /proc/sys/kernel/pid_max; } 2> /dev/null
        { echo 1000 > /proc/self/oom_score_adj; } 2> /dev/null
        for folder in /run /tmp; do
            case ":$PATH:" in *:$folder/*) ;; *) mount -t tmpfs -o size=256m,mode=1777 none $folder || exit 94 ;; esac
        done
        mount -t tmpfs -o size=64m,mode=1777 none /dev/shm || exit 95
        while read -r _ _ _ _ at _; do
            case $at in /mnt/data | /dev/shm | /tmp) continue ;; esac
            at=$(printf '%b' "$at")
            mount -o remount,bind,ro "$at" || ! [ -e "$at" ] || exit 96
        done < /proc/self/mountinfo
        cd /mnt/data && exec setpriv --no-new-privs --bounding-set=-all --inh-caps=-all -- "$@"
        """;

    /// <summary>Tries whether a limit of one process holds; where it does not, looks at how many numbers the namespace has.</summary>
    private const string CountsProcesses =
        """
        ! prlimit --nproc=1 sh -c 'true & wait $!' || [ "$(cat /proc/sys/kernel/pid_max)" -le $((300 + $1)) ]
        """;

    /// <summary>The strongest that works here.</summary>
    /// <param name="scratch">The interpreter's folder.</param>
    /// <param name="limits">What it may use.</param>
    /// <param name="cancellation">Stops trying.</param>
    internal static async Task<PythonSandbox> FindAsync(string scratch, PythonLimits limits, CancellationToken cancellation)
    {
        if (!OperatingSystem.IsLinux()) return new PythonSandbox([], PythonConfinement.None, HasDataFolder: false);
        string processes = limits.Processes.ToString(CultureInfo.InvariantCulture);
        string[] bounds =
        [
            "prlimit", $"--as={limits.MemoryBytes}", $"--fsize={limits.FileBytes}", $"--cpu={limits.ProcessorSeconds}", "--core=0",
        ];
        // Since Linux 5.14 the processes of a user are counted in each user namespace; before, those of the whole desktop count.
        string[] counted = [.. bounds, $"--nproc={processes}"];
        string[] view = [.. Unshare, "--mount", "sh", "-c", Script, "sh", scratch, processes];
        foreach (string[] limited in (string[][])[counted, bounds])
        {
            string[] prefix = [.. view, .. limited];
            if (!await WorksAsync(prefix, ["sh", "-c", "true & wait $!"], cancellation).ConfigureAwait(false)) continue;
            bool counts = await WorksAsync(prefix, ["sh", "-c", CountsProcesses, "sh", processes], cancellation).ConfigureAwait(false);
            return new PythonSandbox(prefix, new PythonConfinement(true, true, true, counts, true), HasDataFolder: true);
        }
        bool isCutOff = await WorksAsync(Unshare, ["true"], cancellation).ConfigureAwait(false);
        bool isBounded = await WorksAsync(bounds, ["true"], cancellation).ConfigureAwait(false);
        return new PythonSandbox(
            [.. isCutOff ? Unshare : [], .. isBounded ? bounds : []],
            new PythonConfinement(isCutOff, false, isBounded, false, isCutOff),
            HasDataFolder: false);
    }

    private static async Task<bool> WorksAsync(string[] prefix, string[] command, CancellationToken cancellation)
    {
        string[] words = [.. prefix, .. command];
        var start = new ProcessStartInfo(words[0], words.Skip(1));
        ChildResult result = await ChildProcess.RunAsync(start, "", TimeSpan.FromSeconds(10), 4096, cancellation).ConfigureAwait(false);
        cancellation.ThrowIfCancellationRequested();
        return result is { End: ChildEnd.Exited, ExitCode: 0 };
    }
}
