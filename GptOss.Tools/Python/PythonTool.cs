using System.Globalization;
using System.Text;
using GptOss.Reference.Harmony;

namespace GptOss.Tools.Python;

/// <summary>How the Python tool runs.</summary>
public sealed record PythonToolOptions
{
    /// <summary>The interpreter.</summary>
    public string Interpreter { get; init; } = OperatingSystem.IsWindows() ? "python" : "python3";

    /// <summary>After this the code is interrupted; 120 s is what the model is told.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(120);

    /// <summary>The most that is kept of each output of a call, in bytes.</summary>
    public int OutputBytes { get; init; } = 64 * 1024;

    /// <summary>The working folder; null for one of its own that goes with the tool.</summary>
    public string? Folder { get; init; }
}

/// <summary>
/// <c>python</c>: runs the model's code in a child interpreter that keeps its state between calls, shows the last expression, and has a
/// time limit, an output limit, a folder of its own and, where the platform can deny it, no network.
/// </summary>
/// <remarks>
/// Code that does not stop is interrupted; an interpreter that does not answer, or dies, is replaced, and the answer says that its state is
/// gone. On Linux it runs in namespaces of its own, with its folder at <c>/mnt/data</c>; it can still read the user's files.
/// </remarks>
public sealed class PythonTool : ITool, IDisposable
{
    private const string NoOutput = "[WARN] No output available. Use print() to output anything to stdout to receive the output";
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(2);

    private readonly PythonToolOptions _options;
    private readonly string _folder;
    private readonly SemaphoreSlim _one = new(1);
    private PythonSandbox? _sandbox;
    private PythonInterpreter? _interpreter;
    private bool _hasAnswered;

    /// <summary>A tool; the interpreter starts with the first call.</summary>
    public PythonTool(PythonToolOptions? options = null)
    {
        _options = options ?? new PythonToolOptions();
        _folder = Path.GetFullPath(_options.Folder ?? Directory.CreateTempSubdirectory("gptoss-python-").FullName);
    }

    /// <inheritdoc/>
    public ToolNamespace Declaration => BuiltInTools.Python;

    /// <summary>Whether the code has no network; known after the first call.</summary>
    public bool HasNoNetwork => _sandbox?.HasNoNetwork ?? false;

    /// <summary>The working folder on this machine.</summary>
    public string Folder => _folder;

    /// <inheritdoc/>
    public bool IsFor(string recipient) => recipient == Declaration.Name;

    /// <inheritdoc/>
    public async Task<IReadOnlyList<ToolAnswer>> InvokeAsync(string recipient, string content, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(content);
        await _one.WaitAsync(cancellation).ConfigureAwait(false);
        try
        {
            return [new ToolAnswer(recipient, await RunAsync(content, cancellation).ConfigureAwait(false))];
        }
        finally
        {
            _one.Release();
        }
    }

    /// <summary>Ends the interpreter and removes the tool's own folder.</summary>
    public void Dispose()
    {
        _interpreter?.Dispose();
        _one.Dispose();
        if (_options.Folder is not null) return;
        try
        {
            Directory.Delete(_folder, recursive: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Something still uses it; it lies among the temporary files.
        }
    }

    private async Task<string> RunAsync(string code, CancellationToken cancellation)
    {
        string answer;
        using var late = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        try
        {
            _sandbox ??= await PythonSandbox.FindAsync(_folder, cancellation).ConfigureAwait(false);
            _interpreter ??= PythonInterpreter.Start(_sandbox, _options.Interpreter, _folder);
            late.CancelAfter(_options.Timeout + Grace);
            answer = Answer(await _interpreter.RunAsync(code, _options.Timeout, _options.OutputBytes, late.Token).ConfigureAwait(false));
        }
        catch (OperationCanceledException)
        {
            Stop();
            cancellation.ThrowIfCancellationRequested();
            answer = $"[ERROR] Timed out after {Seconds}s. The interpreter did not stop and was replaced; its variables are gone.";
        }
        catch (IOException e)
        {
            Stop();
            answer = $"[ERROR] No result: {e.Message} The next call starts a new interpreter; variables are gone.";
        }
        if (!_hasAnswered && _sandbox is { HasDataFolder: false }) answer = $"[NOTE] There is no /mnt/data here; files are kept in {_folder}, the working folder.\n{answer}";
        _hasAnswered = true;
        return answer;
    }

    private string Seconds => _options.Timeout.TotalSeconds.ToString(CultureInfo.InvariantCulture);

    private string Answer(PythonResult result)
    {
        var text = new StringBuilder(result.Output);
        void Part(string part)
        {
            if (part.Length == 0) return;
            if (text.Length > 0 && text[^1] != '\n') text.Append('\n');
            text.Append(part);
        }
        Part(result.Error);
        if (result.IsCut) Part($"[cut: more than {_options.OutputBytes} bytes of output]");
        if (result.TimedOut) Part($"[ERROR] Timed out after {Seconds}s; the code was interrupted, variables are kept.");
        return text.Length > 0 ? text.ToString() : NoOutput;
    }

    private void Stop()
    {
        _interpreter?.Dispose();
        _interpreter = null;
    }
}
