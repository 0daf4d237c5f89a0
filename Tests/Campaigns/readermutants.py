#!/usr/bin/env python3
"""The Python reader with one rule wrong: the vectors must notice each such program.

    readermutants.py [--only WORD] [--list] [--jobs N]

Makes every mutant of the reader's modules that differs in one place: a comparison with another operator, or a bound one more or less; a
condition negated, or a part of it dropped; a constant one more or less; a `raise`, `return`, `continue` or `break` that is not there; an
assignment that is not made. Each runs the vectors of v1, v2 and v3, and those that are too large to keep, until one comes out otherwise. Tests/Campaigns/equivalent.txt
lists the mutants that are the same program, with a reason. It ends with a line of counts, and with 1 if a mutant survives.
"""

import argparse
import ast
import functools
import hashlib
import multiprocessing
import os
import pathlib
import resource
import signal
import subprocess
import sys
import tempfile
import time
import types

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
READER, VECTORS = ROOT / "Tests/PythonReader", ROOT / "Tests/Vectors"
EQUIVALENT = ROOT / "Tests/Campaigns/equivalent.txt"
# In an order in which each finds those that it imports.
MODULES = ["primitives", "verdicts", "descent", "reader", "checkpoint", "rewrite", "merge", "salvage", "vectors2"]
MUTATED = ["primitives", "descent", "reader", "checkpoint", "rewrite", "merge", "salvage"]
# Functions that run before a vector does, or whose results are remembered: all vectors are run for them.
EARLY = {("primitives", "_crc_table"), ("primitives", "stretch")}
PATIENCE = 30  # seconds for one vector

OTHERS = {
    ast.Lt: [ast.LtE], ast.LtE: [ast.Lt], ast.Gt: [ast.GtE], ast.GtE: [ast.Gt], ast.Eq: [ast.NotEq], ast.NotEq: [ast.Eq],
    ast.In: [ast.NotIn], ast.NotIn: [ast.In], ast.Is: [ast.IsNot], ast.IsNot: [ast.Is],
}


# ---- mutants ------------------------------------------------------------------------------------------------------


class Finder(ast.NodeVisitor):
    """Collects (function, description, apply, undo) of every mutant of a module."""

    def __init__(self):
        self.found, self.functions, self.in_annotation = [], [], False

    @property
    def function(self):
        return self.functions[-1] if self.functions else ""

    def replace(self, parent, field, index, new, what=None):
        old = getattr(parent, field) if index is None else getattr(parent, field)[index]

        def put(node):
            if index is None:
                setattr(parent, field, node)
            else:
                getattr(parent, field)[index] = node

        ast.copy_location(new, old) if hasattr(old, "lineno") else None
        text = what or "%s -> %s" % (ast.unparse(old), ast.unparse(ast.fix_missing_locations(new)))
        self.found.append((self.function, " ".join(text.split()), lambda: put(new), lambda: put(old)))

    def generic_visit(self, node):
        for field, value in ast.iter_fields(node):
            for index, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
                if isinstance(child, ast.AST):
                    self.mutate(node, field, index, child)
                    self.visit(child)

    def visit_FunctionDef(self, node):
        self.functions.append(node.name)
        for index, child in enumerate(node.args.defaults):
            self.mutate(node.args, "defaults", index, child)
        for index, child in enumerate(node.body):
            self.mutate(node, "body", index, child)
            self.visit(child)
        self.functions.pop()

    def visit_JoinedStr(self, node):
        pass

    def visit_Raise(self, node):
        pass  # what a message says is no rule

    def mutate(self, parent, field, index, node):
        if field in ("decorator_list", "annotation", "bases", "keywords") and not isinstance(node, ast.keyword):
            return
        if isinstance(node, ast.Compare):
            self.comparison(parent, field, index, node)
        elif isinstance(node, ast.BoolOp):
            for i in range(len(node.values)):
                rest = node.values[:i] + node.values[i + 1:]
                new = rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest)
                self.replace(parent, field, index, new, "%s without its part %d" % (ast.unparse(node), i + 1))
            other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
            self.replace(parent, field, index, ast.BoolOp(other, node.values))
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.Not, ast.Invert)):
            self.replace(parent, field, index, node.operand)
        elif isinstance(node, ast.Constant):
            self.constant(parent, field, index, node)
        elif isinstance(node, (ast.Raise, ast.Return, ast.Continue, ast.Break, ast.Assign, ast.AugAssign)) and self.functions:
            self.replace(parent, field, index, ast.Pass(), "%s -> nothing" % ast.unparse(node))
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            self.replace(parent, field, index, ast.Pass(), "%s -> nothing" % ast.unparse(node))
        elif isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub)) and self.functions:
            other = ast.Sub() if isinstance(node.op, ast.Add) else ast.Add()
            if not any(isinstance(n, ast.Constant) and isinstance(n.value, (str, bytes)) for n in ast.walk(node)):
                self.replace(parent, field, index, ast.BinOp(node.left, other, node.right))
        if field == "test" or field == "ifs":
            self.replace(parent, field, index, ast.UnaryOp(ast.Not(), node), "if %s -> if not" % ast.unparse(node))

    def comparison(self, parent, field, index, node):
        for i, op in enumerate(node.ops):
            for other in OTHERS[type(op)]:
                ops = node.ops[:i] + [other()] + node.ops[i + 1:]
                self.replace(parent, field, index, ast.Compare(node.left, ops, node.comparators))
            bound = node.comparators[i]
            if isinstance(op, (ast.Lt, ast.LtE, ast.Gt, ast.GtE)) and not isinstance(bound, (ast.Constant, ast.Set, ast.Call)):
                for sign in (ast.Add(), ast.Sub()):
                    new = ast.BinOp(bound, sign, ast.Constant(1))
                    comparators = node.comparators[:i] + [new] + node.comparators[i + 1:]
                    self.replace(parent, field, index, ast.Compare(node.left, node.ops, comparators))

    def constant(self, parent, field, index, node):
        if isinstance(parent, ast.Expr) or isinstance(parent, (ast.JoinedStr, ast.FormattedValue)):
            return  # a comment
        if isinstance(node.value, bool):
            self.replace(parent, field, index, ast.Constant(not node.value))
        elif isinstance(node.value, int):
            for more in (1, -1):
                self.replace(parent, field, index, ast.Constant(node.value + more))
        elif isinstance(node.value, bytes):
            self.replace(parent, field, index, ast.Constant(node.value[:-1] + b"?" if node.value else b"?"))
        elif isinstance(node.value, str) and self.functions == [] and node.value.startswith("<"):
            self.replace(parent, field, index, ast.Constant(node.value.replace("<", ">")))


def sources():
    return {name: (READER / (name + ".py")).read_text() for name in MODULES}


def mutants(texts):
    """All mutants: (key, module, tree, function, apply, undo), each with a key of its own."""
    out, seen = [], {}
    for module in MUTATED:
        tree = ast.parse(texts[module])
        finder = Finder()
        finder.visit(tree)
        for function, text, apply, undo in finder.found:
            key = "%s %s: %s" % (module, function or "-", text)
            seen[key] = seen.get(key, 0) + 1
            if seen[key] > 1:
                key += " (%d)" % seen[key]
            out.append((key, module, tree, function, apply, undo))
    return out


# ---- running vectors ----------------------------------------------------------------------------------------------

CACHE = {}


def cached(function, least=0):
    """The function with a memory that all mutants share; `least` is the length of an argument from which on it is used."""
    def remember(*arguments):
        if least and len(arguments[0]) < least:
            return function(*arguments)
        key = function.__name__, hashlib.blake2b(b"\0".join(
            hashlib.blake2b(bytes(a)).digest() if isinstance(a, (bytes, memoryview)) else repr(a).encode() for a in arguments)).digest()
        if key not in CACHE:
            try:
                CACHE[key] = True, function(*arguments)
            except Exception as error:  # what does not open does not open
                CACHE[key] = False, error
        fine, result = CACHE[key]
        if fine:
            return result
        raise result
    return remember


class Program:
    """The modules of the reader, made anew."""

    def __init__(self, codes, changed=None):
        for name in MODULES:
            sys.modules.pop(name, None)
        for name in MODULES:
            module = sys.modules[name] = types.ModuleType(name)
            module.__file__ = str(READER / (name + ".py"))
            exec(codes[name], module.__dict__)
            if name == "primitives" and changed != ("primitives", "stretch"):
                module.stretch = cached(module.stretch)
            if name == "primitives" and changed not in [("primitives", "crc32c"), ("primitives", "_crc_table"), ("primitives", "")]:
                module.crc32c = cached(module.crc32c, 1 << 14)
            if name == "reader":
                module.crypto_secretbox_open = cached(module.crypto_secretbox_open, 1 << 16)
        self.vectors2 = sys.modules["vectors2"]

    def outcome(self, vector):
        directory, head, files, _ = vector
        try:
            found = self.vectors2.outcome(directory, head, files)
        except Late:
            return "it does not end"
        except (Exception, RecursionError) as error:
            return "%s: %s" % (type(error).__name__, error)
        for member in ("descent", "purged"):  # v1 does not tell
            if member not in vector[3]:
                found.pop(member, None)
        return found


class Late(BaseException):
    pass


def late(*_):
    raise Late()


def load(unpack, expected):
    """(name, vector) of all vectors, the quick ones first once they were timed."""
    found = []
    with tempfile.TemporaryDirectory() as made:
        subprocess.run([sys.executable, "-B", VECTORS / "make2.py", "--too-large", made], check=True, stdout=subprocess.DEVNULL)
        kept = [*(VECTORS / "v1").iterdir(), *(VECTORS / "v2").glob("*/*.vector"), *(VECTORS / "v3").glob("*/*.vector")]
        for path in [*sorted(kept), *pathlib.Path(made).glob("*/*.vector")]:
            head, files = unpack(path.read_bytes())
            directory = "reader" if path.parent.name == "v1" else path.parent.name
            wanted = expected(head)
            if "check" in wanted:
                wanted["check"] = [finding.split()[0] for finding in wanted["check"]]
            found.append(("%s/%s" % (path.parent.name, path.stem), (directory, head, files, wanted)))
    return found


class Runner:
    def __init__(self):
        sys.path.insert(0, str(READER))
        signal.signal(signal.SIGALRM, late)
        self.texts = sources()
        self.codes = {name: compile(text, name + ".py", "exec") for name, text in self.texts.items()}
        self.mutants = mutants(self.texts)
        program = Program(self.codes)
        vectors = load(program.vectors2.unpack, program.vectors2.expected)
        self.calls, timed = {}, []
        for name, vector in vectors:  # which functions each needs, and how long it takes
            called = set()

            def trace(frame, event, argument):
                called.add((frame.f_code.co_filename[:-3], frame.f_code.co_name))

            program.outcome(vector)  # fills the cache
            begun = time.perf_counter()
            sys.settrace(trace)
            found = program.outcome(vector)
            sys.settrace(None)
            timed.append((time.perf_counter() - begun, name, vector))
            if found != vector[3]:
                sys.exit("readermutants: the reader fails at %s\n%s\n%s" % (name, found, vector[3]))
            self.calls[name] = called
        self.vectors = [(name, vector) for _, name, vector in sorted(timed, key=lambda t: t[:2])]

    def run(self, number):
        """Whether and by what the mutant is caught."""
        key, module, tree, function, apply, undo = self.mutants[number]
        apply()
        try:
            code = compile(ast.fix_missing_locations(tree), module + ".py", "exec")
        finally:
            undo()
        try:
            signal.alarm(PATIENCE)
            program = Program({**self.codes, module: code}, (module, function))
        except Late:
            return number, "it does not end"
        except BaseException as error:
            return number, "it does not start: %s" % type(error).__name__
        finally:
            signal.alarm(0)
        ran = 0
        for name, vector in self.vectors:
            if function and (module, function) not in EARLY and (module, function) not in self.calls[name]:
                continue
            ran += 1
            try:
                signal.alarm(PATIENCE)
                found = program.outcome(vector)
                signal.alarm(0)
            except Late:
                return number, name
            if found != vector[3]:
                return number, name
        return number, None if ran else "no vector runs it"


RUNNER = None


def work(number):
    return RUNNER.run(number)


def main():
    global RUNNER
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="mutants that have this word in their description")
    parser.add_argument("--list", action="store_true", help="tell of each mutant what caught it")
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count()))
    options = parser.parse_args()
    os.nice(10)
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
    RUNNER = Runner()
    reasons = {}
    for line in EQUIVALENT.read_text().splitlines() if EQUIVALENT.exists() else []:
        if line and not line.startswith("#"):
            key, reason = line.split(" | ")
            reasons[key] = reason
    keys = [m[0] for m in RUNNER.mutants]
    unknown = [key for key in reasons if key not in keys]
    chosen = [n for n, key in enumerate(keys) if options.only in key]
    caught, same, survive, wrong = 0, 0, [], []
    with multiprocessing.get_context("fork").Pool(options.jobs) as pool:
        for number, by in pool.imap_unordered(work, chosen, 4):
            key = keys[number]
            if options.list:
                print("  %-60s %s" % (by or "SURVIVES", key), flush=True)
            if by == "no vector runs it":
                by = None
            if by and key in reasons:
                wrong.append("%s is caught by %s" % (key, by))
            if by:
                caught += 1
            elif key in reasons:
                same += 1
            else:
                survive.append(key)
    for key in sorted(survive):
        print("  SURVIVES: " + key)
    for text in wrong + ["there is no mutant " + key for key in unknown if options.only in key]:
        print("  equivalent.txt: " + text)
    print("reader mutants: %d made, %d caught, %d equivalent (listed with a reason), %d survive" % (len(chosen), caught, same, len(survive)))
    return bool(survive or wrong or unknown)


if __name__ == "__main__":
    sys.exit(main())
