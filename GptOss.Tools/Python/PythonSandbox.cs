using System.Diagnostics;
using GptOss.Tools.Processes;

namespace GptOss.Tools.Python;

/// <summary>What keeps the interpreter in: namespaces of its own where the platform gives them to an ordinary user (Linux, <c>unshare</c>).</summary>
/// <param name="Prefix">Words before the interpreter's command.</param>
/// <param name="HasNoNetwork">Whether it has no network.</param>
/// <param name="HasDataFolder">Whether its folder stands at <c>/mnt/data</c>.</param>
internal sealed record PythonSandbox(IReadOnlyList<string> Prefix, bool HasNoNetwork, bool HasDataFolder)
{
    private static readonly string[] Unshare = ["unshare", "--user", "--map-root-user", "--net", "--pid", "--fork", "--kill-child"];

    // The scratch folder is bound by way of the working folder: /mnt may be covered, with the scratch folder under it.
    private const string BindScript =
        "cd \"$1\" && shift && { [ -d /mnt/data ] || { mount -t tmpfs none /mnt && mkdir /mnt/data; }; } && mount --bind . /mnt/data && cd /mnt/data && exec \"$@\"";

    /// <summary>The strongest that works here, found by trying.</summary>
    /// <param name="scratch">The interpreter's folder.</param>
    /// <param name="cancellation">Stops trying.</param>
    internal static async Task<PythonSandbox> FindAsync(string scratch, CancellationToken cancellation)
    {
        if (OperatingSystem.IsLinux())
        {
            string[] bound = [.. Unshare, "--mount", "sh", "-c", BindScript, "sh", scratch];
            if (await WorksAsync(bound, cancellation).ConfigureAwait(false)) return new PythonSandbox(bound, HasNoNetwork: true, HasDataFolder: true);
            if (await WorksAsync(Unshare, cancellation).ConfigureAwait(false)) return new PythonSandbox(Unshare, HasNoNetwork: true, HasDataFolder: false);
        }
        return new PythonSandbox([], HasNoNetwork: false, HasDataFolder: false);
    }

    private static async Task<bool> WorksAsync(string[] prefix, CancellationToken cancellation)
    {
        var start = new ProcessStartInfo(prefix[0], [.. prefix.Skip(1), "true"]);
        ChildResult result = await ChildProcess.RunAsync(start, "", TimeSpan.FromSeconds(10), 4096, cancellation).ConfigureAwait(false);
        return result is { End: ChildEnd.Exited, ExitCode: 0 };
    }
}
