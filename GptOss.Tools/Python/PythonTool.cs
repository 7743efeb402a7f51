using System.Globalization;
using System.Text;
using GptOss.Reference.Harmony;

namespace GptOss.Tools.Python;

/// <summary>
/// <c>python</c>: runs the model's code in a child interpreter that keeps its state between calls and shows the last expression. Time and
/// output are limited, it has a folder of its own, and as much else is taken from it as the system allows.
/// </summary>
/// <remarks>
/// Code that does not stop is interrupted; an interpreter that does not answer, or dies, is replaced, and the answer says that its state is
/// gone. On Linux it runs in namespaces of its own, with its folder at <c>/mnt/data</c> and everything else read-only, and within
/// <see cref="PythonLimits"/>; it can still read the user's files. <see cref="ConfinementAsync"/> says what holds on this system.
/// </remarks>
public sealed class PythonTool : ITool, IDisposable
{
    private const string NoOutput = "[WARN] No output available. Use print() to output anything to stdout to receive the output";
    private const string Replaced = "The next call starts a new interpreter; variables are gone.";
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(2);

    private readonly PythonToolOptions _options;
    private readonly string _folder;
    private readonly SemaphoreSlim _one = new(1);
    private PythonSandbox? _sandbox;
    private PythonInterpreter? _interpreter;
    private bool _hasAnswered;

    /// <summary>A tool; the interpreter starts with the first call.</summary>
    /// <exception cref="IOException">There is no such folder, or no place for temporary files.</exception>
    public PythonTool(PythonToolOptions? options = null)
    {
        _options = options ?? new PythonToolOptions();
        if (_options.Folder is { } folder && !Directory.Exists(folder)) throw new DirectoryNotFoundException($"{folder}: there is no such folder.");
        _folder = Path.GetFullPath(_options.Folder ?? TemporaryFolder());
    }

    /// <inheritdoc/>
    public ToolNamespace Declaration => BuiltInTools.Python;

    /// <summary>What the code may use.</summary>
    public PythonLimits Limits => _options.Limits;

    /// <summary>The working folder on this machine.</summary>
    public string Folder => _folder;

    /// <inheritdoc/>
    public bool IsFor(string recipient) => recipient == Declaration.Name;

    /// <summary>What confines the code on this system. Found by trying, once; no code runs for it.</summary>
    /// <param name="cancellation">Stops trying.</param>
    public async Task<PythonConfinement> ConfinementAsync(CancellationToken cancellation)
    {
        await _one.WaitAsync(cancellation).ConfigureAwait(false);
        try
        {
            return (await SandboxAsync(cancellation).ConfigureAwait(false)).Confinement;
        }
        finally
        {
            _one.Release();
        }
    }

    /// <inheritdoc/>
    /// <remarks>Code that is stopped may have had an effect; the answer says so. Cancelled before it began, it had none.</remarks>
    /// <exception cref="OperationCanceledException">It was cancelled before it began.</exception>
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
            // Something still uses it; it stays among the temporary files.
        }
    }

    private static string TemporaryFolder()
    {
        try
        {
            return Directory.CreateTempSubdirectory("gptoss-python-").FullName;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new IOException(
                $"{Path.GetTempPath()}: temporary files cannot be kept there; set TMPDIR to a folder that can be written. {e.Message}", e);
        }
    }

    private async Task<PythonSandbox> SandboxAsync(CancellationToken cancellation) =>
        _sandbox ??= await PythonSandbox.FindAsync(_folder, _options.Limits, cancellation).ConfigureAwait(false);

    private async Task<string> RunAsync(string code, CancellationToken cancellation)
    {
        PythonSandbox sandbox = await SandboxAsync(cancellation).ConfigureAwait(false);
        string answer;
        using var late = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        try
        {
            _interpreter ??= PythonInterpreter.Start(sandbox, _options.Interpreter, _folder);
            late.CancelAfter(_options.Timeout + Grace);
            answer = Answer(await _interpreter.RunAsync(code, _options.Timeout, _options.OutputBytes, late.Token).ConfigureAwait(false));
        }
        catch (OperationCanceledException)
        {
            Stop();
            answer = cancellation.IsCancellationRequested
                ? $"[ERROR] The user stopped the code, which may have had an effect. {Replaced}"
                : $"[ERROR] Timed out after {Seconds}s. The interpreter did not stop. {Replaced}";
        }
        catch (IOException e)
        {
            Stop();
            answer = $"[ERROR] No result: {e.Message} {Replaced}";
        }
        if (!_hasAnswered && !sandbox.HasDataFolder)
            answer = $"[NOTE] There is no /mnt/data here; files are kept in {_folder}, the working folder.\n{answer}";
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
