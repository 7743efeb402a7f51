#!/usr/bin/env python3
"""Breaks the code in one place at a time and looks whether a test fails. Opt-in: docs/mutations.md.

    python3 GptOss.Reference.Tests/Mutations/mutate.py [--list FILE ...] [--only PART] [--check]

All mutations are compiled into a copy of the tree at once, each behind a number that the variable GPTOSS_MUTANT chooses, so there is one build. The tree
itself is never changed, and the copy goes when the script ends, however it ends. A list holds blocks of

    FILE : TESTS, TESTS ...
    - the code, on one line, that occurs once in the file: an expression, or a statement with its semicolon
    + what takes its place; nothing takes a statement out

where TESTS is a class of tests, or Class.Method for one of its methods (* for any characters). Each runs once without a mutation first: it must pass, and
its time gives the limit for the mutations. A mutation that does not end within it is noticed, and is listed, because a busy machine could be the cause.

Exit code: 0 every mutation was noticed, 1 some survived, 2 the list does not fit the sources or the tests fail without a mutation.
"""
import argparse, collections, os, pathlib, shutil, signal, subprocess, sys, tempfile, time

ROOT = pathlib.Path(__file__).resolve().parents[2]
TESTS = "GptOss.Reference.Tests"
LEAST_LIMIT, SLOWER = 60, 5
MUTANT = """namespace GptOss.Reference;
public static class Mutant
{
    private static readonly int Chosen = int.Parse(System.Environment.GetEnvironmentVariable("GPTOSS_MUTANT") ?? "0");
    public static bool Is(int number) => Chosen == number;
}
"""

Mutation = collections.namedtuple("Mutation", "file tests before after")


def read(path):
    mutations, file, tests, before = [], None, None, None
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("- "):
            before = line[2:]
        elif line.startswith("+") and before is not None:
            mutations.append(Mutation(file, tests, before, line[2:]))
            before = None
        elif line.strip() and not line.startswith("#"):
            file, _, names = line.partition(" : ")
            tests = [name.strip() for name in names.split(",")]
            if not names:
                sys.exit(f"{path.name}:{number}: expected FILE : TESTS, a line with - and one with +.")
    return mutations


def mutate(text, mutation, number):
    if text.count(mutation.before) != 1:
        print(f"{mutation.file} has {text.count(mutation.before)} times: {mutation.before}")
        return None
    choice = f"global::GptOss.Reference.Mutant.Is({number})"
    if mutation.before.endswith(";"):
        new = f"if ({choice}) {{ {mutation.after} }} else {{ {mutation.before} }}"
    else:
        new = f"({choice} ? ({mutation.after}) : ({mutation.before}))"
    return text.replace(mutation.before, new)


def copy_tree(target):
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True).stdout.decode().split("\0")
    for name in filter(None, names):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target / name)


def run(target, number, tests, limit):
    """The exit code of some tests under a mutation, None if they do not end in time; and what they printed."""
    command = [str(target / TESTS / "bin/Release/net10.0" / TESTS), "--no-progress", "--stop-on-fail", "on", "--filter-not-trait", "Speed=Slow"]
    for name in tests:
        command += ["--filter-method" if "." in name else "--filter-class", f"*.{name}"]
    scratch = target / "tmp"
    scratch.mkdir(exist_ok=True)
    environment = {**os.environ, "GPTOSS_MUTANT": str(number), "TMPDIR": str(scratch)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True) as tests_process:
        try:
            printed, _ = tests_process.communicate(timeout=limit)
            return tests_process.returncode, printed.decode(errors="replace")
        except BaseException as end:
            os.killpg(tests_process.pid, signal.SIGKILL)
            if not isinstance(end, subprocess.TimeoutExpired):
                raise
            return None, ""
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def build(target, texts):
    copy_tree(target)
    for file, text in texts.items():
        (target / file).write_text(text, encoding="utf-8")
    (target / "GptOss.Reference/Mutant.cs").write_text(MUTANT, encoding="utf-8")
    command = ["dotnet", "build", TESTS, "-c", "Release", "--nologo", "-v", "q", "-p:TreatWarningsAsErrors=false",
               "-p:EnforceCodeStyleInBuild=false", "-p:RunAnalyzersDuringBuild=false", "-clp:ErrorsOnly"]
    if subprocess.run(command, cwd=target).returncode != 0:
        sys.exit(2)


def times_without(target, mutations):
    """Seconds that each of the tests takes without a mutation."""
    seconds = {}
    for name in sorted({name for mutation in mutations for name in mutation.tests}):
        begin = time.monotonic()
        code, printed = run(target, 0, [name], limit=1800)
        seconds[name] = time.monotonic() - begin
        if code != 0:
            print(f"Without a mutation {name} fails, or there is no such test:\n{printed}")
            sys.exit(2)
    return seconds


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--list", nargs="+", default=sorted(pathlib.Path(__file__).parent.glob("*.txt")), help="default: all beside this script")
    arguments.add_argument("--only", default="", help="mutations of files whose path contains this")
    arguments.add_argument("--check", action="store_true", help="only see whether the lists fit the sources")
    options = arguments.parse_args()
    mutations = [m for path in options.list for m in read(pathlib.Path(path)) if options.only in m.file]

    texts, fits = {}, True
    for number, mutation in enumerate(mutations, 1):
        path = ROOT / mutation.file
        text = texts.get(mutation.file) or (path.read_text(encoding="utf-8") if path.is_file() else "")
        changed = mutate(text, mutation, number)
        fits = fits and changed is not None
        texts[mutation.file] = changed or text
    if not fits or options.check:
        sys.exit(0 if fits else 2)

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))     # so that the copy goes
    noticed, total = collections.Counter(), collections.Counter()
    with tempfile.TemporaryDirectory(prefix="gptoss-mutations-", ignore_cleanup_errors=True) as folder:
        target = pathlib.Path(folder)
        build(target, texts)
        seconds = times_without(target, mutations)
        for number, mutation in enumerate(mutations, 1):
            limit = max(LEAST_LIMIT, SLOWER * sum(seconds[name] for name in mutation.tests))
            code, _ = run(target, number, mutation.tests, limit)
            place = os.path.dirname(mutation.file)
            total[place] += 1
            noticed[place] += code != 0
            if not code:
                end = "SURVIVED" if code == 0 else f"noticed by not ending within {limit:.0f} s:"
                print(f"{end} {mutation.file}\n  - {mutation.before}\n  + {mutation.after}", flush=True)

    for place in sorted(total):
        print(f"| {place} | {noticed[place]} of {total[place]} |")
    print(f"{sum(noticed.values())} of {sum(total.values())} mutations were noticed.")
    sys.exit(0 if noticed == total else 1)


if __name__ == "__main__":
    main()
