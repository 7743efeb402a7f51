#!/usr/bin/env python3
"""Breaks the library in one place at a time and looks whether a test fails. Opt-in: see docs/mutations.md.

    python3 GptOss.Reference.Tests/Mutations/mutate.py [--list FILE] [--only FOLDER] [--check]

Every mutation of the list is compiled into a copy of the tree at once, behind a number that the variable GPTOSS_MUTANT chooses, so there is one build.
A list holds blocks of

    FILE : TEST CLASS, TEST CLASS ...
    - the code, on one line, that occurs once in the file: an expression, or a statement with its semicolon
    + what takes its place; nothing takes a statement out

Exit code: 0 every mutation was noticed, 1 some survived, 2 the list does not fit the sources or the tests fail without a mutation.
"""
import argparse, collections, os, pathlib, shutil, subprocess, sys, tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
TESTS = "GptOss.Reference.Tests"
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
                sys.exit(f"{path.name}:{number}: expected FILE : TEST CLASS, a line with - and one with +.")
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


def run(target, number, classes):
    program = target / TESTS / "bin/Release/net10.0" / TESTS
    command = [program, "--no-progress", "--filter-not-trait", "Speed=Slow"]
    for name in classes:
        command += ["--filter-class", f"*.{name}"]
    try:
        return subprocess.run(command, env={**os.environ, "GPTOSS_MUTANT": str(number)}, capture_output=True, timeout=600).returncode
    except subprocess.TimeoutExpired:
        return 1                                       # a mutant that never ends is noticed


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--list", default=str(pathlib.Path(__file__).with_name("oracle.txt")))
    arguments.add_argument("--only", default="", help="mutations of files whose path contains this")
    arguments.add_argument("--check", action="store_true", help="only see whether the list fits the sources")
    options = arguments.parse_args()
    mutations = [m for m in read(pathlib.Path(options.list)) if options.only in m.file]

    texts, fits = {}, True
    for number, mutation in enumerate(mutations, 1):
        text = texts.get(mutation.file) or (ROOT / mutation.file).read_text(encoding="utf-8")
        changed = mutate(text, mutation, number)
        fits = fits and changed is not None
        texts[mutation.file] = changed or text
    if not fits or options.check:
        sys.exit(0 if fits else 2)

    with tempfile.TemporaryDirectory(prefix="gptoss-mutations-") as folder:
        target = pathlib.Path(folder)
        copy_tree(target)
        for file, text in texts.items():
            (target / file).write_text(text, encoding="utf-8")
        (target / "GptOss.Reference/Mutant.cs").write_text(MUTANT, encoding="utf-8")
        build = ["dotnet", "build", TESTS, "-c", "Release", "--nologo", "-v", "q", "-p:TreatWarningsAsErrors=false", "-p:EnforceCodeStyleInBuild=false"]
        if subprocess.run(build, cwd=target).returncode != 0:
            sys.exit(2)
        every = sorted({name for mutation in mutations for name in mutation.tests})
        if run(target, 0, every) != 0:
            print("The tests fail without a mutation, or a test class of the list is not there.")
            sys.exit(2)
        noticed, total = collections.Counter(), collections.Counter()
        for number, mutation in enumerate(mutations, 1):
            place = os.path.dirname(mutation.file)
            total[place] += 1
            if run(target, number, mutation.tests) != 0:
                noticed[place] += 1
            else:
                print(f"SURVIVED {mutation.file}\n  - {mutation.before}\n  + {mutation.after}", flush=True)
    for place in sorted(total):
        print(f"{place:44} {noticed[place]:3} of {total[place]:3}")
    print(f"{sum(noticed.values())} of {sum(total.values())} mutations were noticed.")
    sys.exit(0 if noticed == total else 1)


if __name__ == "__main__":
    main()
