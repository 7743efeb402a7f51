namespace GptOss.Tools.Python;

/// <summary>The program that runs inside the child interpreter.</summary>
internal static class PythonDriver
{
    /// <summary>
    /// Reads frames (four bytes of length, big-endian, then JSON <c>{"code", "seconds", "limit"}</c>) from standard input and writes frames
    /// <c>{"out", "err", "cut"}</c> to standard output. The code sees neither: its own outputs are pipes that two threads empty, so that what
    /// its children print is caught too. An alarm interrupts code that takes too long and keeps the interpreter's state.
    /// </summary>
    internal const string Source = """"
        import ast, json, linecache, os, signal, struct, sys, threading, traceback

        requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)

        class Drain:
            def __init__(self, fd):
                self.data, self.cut, self.limit, self.mark, self.done = bytearray(), False, 0, None, threading.Event()
                read, write = os.pipe()
                os.dup2(write, fd)
                os.close(write)
                self.fd = fd
                threading.Thread(target=self.run, args=(read,), daemon=True).start()
            def run(self, read):
                tail = b""
                while True:
                    piece = os.read(read, 65536)
                    if not piece:
                        return
                    tail += piece
                    mark = self.mark
                    if mark and mark in tail:
                        at = tail.index(mark)
                        self.keep(tail[:at])
                        tail, self.mark = tail[at + len(mark):], None
                        self.done.set()
                    elif len(tail) > 64:
                        self.keep(tail[:-64])
                        tail = tail[-64:]
            def keep(self, piece):
                room = self.limit - len(self.data)
                self.cut |= len(piece) > room
                self.data += piece[:max(room, 0)]
            def take(self):
                mark = os.urandom(32)
                self.done.clear()
                self.mark = mark
                os.write(self.fd, mark)
                self.done.wait(5)
                text, self.data = bytes(self.data).decode("utf-8", "replace"), bytearray()
                cut, self.cut = self.cut, False
                return text, cut

        out, err = Drain(1), Drain(2)
        sys.stdout = os.fdopen(1, "w", encoding="utf-8", errors="replace", buffering=1, closefd=False)
        sys.stderr = os.fdopen(2, "w", encoding="utf-8", errors="replace", buffering=1, closefd=False)
        sys.argv = [""]
        names = {"__name__": "__main__", "__builtins__": __builtins__}

        class TimedOut(BaseException):
            pass

        def on_alarm(signum, frame):
            raise TimedOut()

        def run(code, count, seconds):
            file = "<cell %d>" % count
            linecache.cache[file] = (len(code), None, code.splitlines(True), file)
            if hasattr(signal, "setitimer"):
                signal.signal(signal.SIGALRM, on_alarm)
                signal.setitimer(signal.ITIMER_REAL, seconds)
            try:
                tree = ast.parse(code, file)
                last = ast.Expression(tree.body.pop().value) if tree.body and isinstance(tree.body[-1], ast.Expr) else None
                exec(compile(tree, file, "exec"), names)
                if last is not None:
                    value = eval(compile(last, file, "eval"), names)
                    if value is not None:
                        names["_"] = value
                        print(repr(value))
            except TimedOut:
                return True
            except SyntaxError as e:
                sys.stderr.write("".join(traceback.format_exception_only(type(e), e)))
            except BaseException as e:
                trace = e.__traceback__.tb_next if e.__traceback__ else None
                sys.stderr.write("".join(traceback.format_exception(type(e), e, trace)))
            finally:
                if hasattr(signal, "setitimer"):
                    signal.setitimer(signal.ITIMER_REAL, 0)
            return False

        count = 0
        while True:
            head = requests.read(4)
            if len(head) < 4:
                break
            request = json.loads(requests.read(struct.unpack(">I", head)[0]))
            count += 1
            out.limit = err.limit = request["limit"]
            timed_out = False
            try:
                timed_out = run(request["code"], count, request["seconds"])
                sys.stdout.flush()
                sys.stderr.flush()
            except BaseException as e:
                timed_out = timed_out or isinstance(e, TimedOut)
            (text, cut), (errors, errors_cut) = out.take(), err.take()
            answer = json.dumps({"out": text, "err": errors, "cut": cut or errors_cut, "timed_out": timed_out}).encode()
            answers.write(struct.pack(">I", len(answer)) + answer)
            answers.flush()
        """";
}
