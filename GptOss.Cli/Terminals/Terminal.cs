using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace GptOss.Cli.Terminals;

/// <summary>Where a command reads and writes: results on <see cref="Out"/>, everything else on <see cref="Error"/>.</summary>
internal sealed class Terminal : IDisposable
{
    private readonly List<IDisposable> _owned = [];
    private readonly HarmlessWriter _harmlessOut, _harmlessError;
    private volatile CancellationTokenSource? _interruptible;

    /// <summary>For tests: the given streams, none of them a terminal.</summary>
    internal Terminal(TextWriter output, TextWriter error, TextReader? input = null, CancellationToken cancellation = default)
    {
        (OutControl, ErrorControl, In, Cancellation) = (output, error, input ?? TextReader.Null, cancellation);
        (_harmlessOut, _harmlessError) = (new HarmlessWriter(output), new HarmlessWriter(error));
        IsInputRedirected = input is not null;
    }

    /// <summary>The result, and nothing else. Control characters do not reach a terminal.</summary>
    internal TextWriter Out => IsOutputTerminal ? _harmlessOut : OutControl;

    /// <summary>Progress, notices, errors. Control characters do not reach a terminal.</summary>
    internal TextWriter Error => IsErrorTerminal ? _harmlessError : ErrorControl;

    /// <summary>
    /// For what the program itself tells the terminal behind <see cref="Out"/>: colours, the cursor. Never for text from elsewhere.
    /// </summary>
    internal TextWriter OutControl { get; }

    /// <summary>The same for <see cref="Error"/>.</summary>
    internal TextWriter ErrorControl { get; }

    internal TextReader In { get; }

    /// <summary>Whether text is piped in.</summary>
    internal bool IsInputRedirected { get; init; }

    /// <summary>Whether the result goes to a terminal.</summary>
    internal bool IsOutputTerminal { get; init; }

    /// <summary>Whether progress goes to a terminal.</summary>
    internal bool IsErrorTerminal { get; init; }

    /// <summary>Whether results may be coloured.</summary>
    internal bool HasColor => IsOutputTerminal && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"));

    /// <summary>Whether a line of progress may be rewritten in place.</summary>
    internal bool HasAnimation => IsErrorTerminal && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"));

    /// <summary>Whether both input and output are a terminal.</summary>
    internal bool IsInteractive => !IsInputRedirected && IsOutputTerminal;

    /// <summary>The value of an environment variable; null where it is not set.</summary>
    internal Func<string, string?> Variable { get; init; } = Environment.GetEnvironmentVariable;

    /// <summary>Set by the first Ctrl+C. A second one ends the process at once.</summary>
    internal CancellationToken Cancellation { get; private init; }

    /// <summary>Takes over what is to be disposed when the command has ended.</summary>
    internal T Own<T>(T item) where T : IDisposable
    {
        _owned.Add(item);
        return item;
    }

    /// <summary>Writes a result; where results may be coloured, the given words in it are red.</summary>
    internal void Write(string text, params ReadOnlySpan<string> redWords)
    {
        int at = 0;
        while (HasColor && First(text, at, redWords) is (var found, { } word))
        {
            Out.Write(text.AsSpan(at, found - at));
            OutControl.Write("\e[31m");
            Out.Write(word);
            OutControl.Write("\e[0m");
            at = found + word.Length;
        }
        Out.Write(text.AsSpan(at));
    }

    /// <summary>Runs something that Ctrl+C stops without ending the program.</summary>
    internal T Interruptible<T>(Func<CancellationToken, T> run)
    {
        using var interrupt = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        _interruptible = interrupt;
        try
        {
            return run(interrupt.Token);
        }
        finally
        {
            _interruptible = null;
        }
    }

    /// <summary>The process's own streams, in UTF-8.</summary>
    internal static Terminal OfProcess()
    {
        var utf8 = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false);
        if (OperatingSystem.IsWindows())
            Console.OutputEncoding = utf8;
        var interrupt = new CancellationTokenSource();
        Terminal? created = null;
        var signal = PosixSignalRegistration.Create(PosixSignal.SIGINT, context =>
        {
            if (created?._interruptible is { } inner)
            {
                context.Cancel = true;
                try
                {
                    inner.Cancel();
                }
                catch (ObjectDisposedException)
                {
                    // It has just ended.
                }
                return;
            }
            context.Cancel = !interrupt.IsCancellationRequested;
            interrupt.Cancel();
        });
        var terminal = new Terminal(
            new StreamWriter(new OutputStream(StandardOutput()), utf8, 4096),
            new StreamWriter(Console.OpenStandardError(), utf8, 256) { AutoFlush = true },
            new Utf8Reader(Console.OpenStandardInput(), "standard input"))
        {
            IsInputRedirected = Console.IsInputRedirected,
            IsOutputTerminal = !Console.IsOutputRedirected,
            IsErrorTerminal = !Console.IsErrorRedirected,
            Cancellation = interrupt.Token,
        };
        created = terminal;
        terminal._owned.AddRange([signal, interrupt]);
        return terminal;
    }

    public void Dispose() => _owned.ForEach(owned => owned.Dispose());

    private static (int At, string? Word) First(string text, int from, ReadOnlySpan<string> words)
    {
        (int At, string? Word) first = (text.Length, null);
        foreach (string word in words)
        {
            if (text.IndexOf(word, from, StringComparison.Ordinal) is >= 0 and var at && at < first.At)
                first = (at, word);
        }
        return first;
    }

    // The console's stream swallows a closed pipe, and a long answer would be computed that no one reads; a stream of the handle reports
    // it. Only pipes are opened so: on a file it would keep a position of its own and overwrite what standard error writes there.
    private static Stream StandardOutput()
    {
        if (!OperatingSystem.IsWindows() && Console.IsOutputRedirected)
        {
            try
            {
                var stream = new FileStream(new SafeFileHandle(1, ownsHandle: false), FileAccess.Write, bufferSize: 0);
                if (!stream.CanSeek)
                    return stream;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
            {
                // No such stream: fall back to the console's own.
            }
        }
        return Console.OpenStandardOutput();
    }

    /// <summary>Distinguishes a reader that is gone from a full disk.</summary>
    private sealed class OutputStream(Stream inner) : Stream
    {
        private const int BrokenPipe = 32;

        public override bool CanRead => false;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            try
            {
                inner.Write(buffer);
            }
            catch (IOException e) when (!OperatingSystem.IsWindows() && e.HResult == BrokenPipe)
            {
                throw new OutputClosedException(e);
            }
        }

        public override void Flush() => inner.Flush();

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();
    }
}
