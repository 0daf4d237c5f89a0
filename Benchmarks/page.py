#!/usr/bin/env python3
"""Puts the results of `make bench` and `make bench-peers` into docs/performance.md, between two comments, and draws the picture beside them.

    page.py            writes both, from results/bench.json and results/peers.json
    page.py --check    ends with 1 if that page says something else than these two
"""

import json
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
PAGE = os.path.join(HERE, "..", "docs", "performance.md")
BEGIN, END = "<!-- results of the benchmarks -->\n", "<!-- end of the results -->\n"


def results(name):
    return os.path.join(HERE, "results", name)


def load(name):
    with open(results(name)) as file:
        return json.load(file)


def time(milliseconds):
    if milliseconds >= 1000:
        return "%.1f s" % (milliseconds / 1000)
    return "%.2f ms" % milliseconds if milliseconds < 10 else "%.0f ms" % milliseconds


def measured_on(result):
    machine = result["machine"]
    return "%s, %s, %d cores, Linux %s, %s" % (
        result["date"], machine["cpu"], machine["cores"], machine["kernel"], machine["distribution"])


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def floors(bench):
    rows = []
    for row in bench["rows"]:
        if "ratio" in row:
            reached = "%.2f" % row["ratio"]
            rows.append([
                row["work"], row["floor"], time(row["median"]), time(row["floor_median"]),
                reached if row["met"] else "**%s**" % reached, "%.2f to %.2f" % tuple(row["quartiles"]), "%g" % row["target"]])
        else:
            rows.append([row["work"], "", "%.0f %s" % (row["median"], row["unit"]), "", "", "", "%g" % row["target"]])
    return table(["work", "floor", "vault", "floor", "ratio", "its middle half", "at most"], rows)


def growth(bench):
    sizes = sorted({row["secrets"] for row in bench["growth"]})
    rows = []
    for work in dict.fromkeys(row["work"] for row in bench["growth"]):
        values = {row["secrets"]: row for row in bench["growth"] if row["work"] == work}
        rows.append([work] + [
            "" if size not in values
            else time(values[size]["median"]) if values[size]["unit"] == "ms"
            else "%.0f %s" % (values[size]["median"], values[size]["unit"]) for size in sizes])
    return table(["secrets"] + [format(size, ",") for size in sizes], rows)


def columns(result):
    """The peers, and how their columns are called."""
    names = list(dict.fromkeys(row["peer"] for row in result["rows"]))
    plain = {row["peer"] for row in result["rows"] if not row["encrypts"]}
    return names, [name + (" (plain text)" if name in plain else "") for name in names]


def peers(result, count):
    names, heads = columns(result)
    rows = []
    for work in dict.fromkeys(row["work"] for row in result["rows"]):
        cells = {row["peer"]: row["median_ms"] for row in result["rows"] if row["work"] == work and row["secrets"] == count}
        own = cells.get("vault")
        if own is None:
            continue
        rows.append([work] + [
            "" if name not in cells else time(cells[name]) + ("" if name == "vault" else " (×%s)" % factor(cells[name] / own))
            for name in names])
    return table(["%s secrets" % format(count, ",")] + heads, rows)


def costs(result, count=1_000):
    """What else one `get` costs, and what the store takes."""
    names, heads = columns(result)
    cells = {row["peer"]: row for row in result["rows"] if row["work"] == "get" and row["secrets"] == count}
    rows = [[what] + [text(cells[name]) for name in names] for what, text in [
        ("processor", lambda row: time(row["cpu_ms"])),
        ("memory", lambda row: "%.0f MiB" % (row["memory_kib"] / 1024)),
        ("and its daemon's", lambda row: "%.0f MiB" % (row["daemon_memory_kib"] / 1024) if row["daemon_memory_kib"] else ""),
        ("size of the store", lambda row: "%.0f KiB" % (row["store_bytes"] / 1024)),
    ]]
    return table(["`get` of %s secrets" % format(count, ",")] + heads, rows)


def factor(value):
    return "%.0f" % value if value >= 10 else "%.1f" % value if value >= 1 else "%.2f" % value


def section():
    bench, others = load("bench.json"), load("peers.json")
    versions = ", ".join("%s %s" % pair for pair in others["versions"].items() if pair[0] != "vault")
    missing = "; ".join("%s: %s" % pair for pair in others["missing"].items())
    return "\n".join([
        BEGIN + "Measured on %s. Medians." % measured_on(bench), "", floors(bench), growth(bench),
        "![The time of `get` by the number of secrets, vault and its peers](../Benchmarks/results/get.svg)", "",
        "Peers, measured on %s: %s. Not to be had: %s." % (measured_on(others), versions, missing), "",
        *(peers(others, count) for count in (10, 1_000, 10_000)), costs(others) + END])


def main():
    with open(PAGE) as file:
        text = file.read()
    pattern = re.compile(re.escape(BEGIN) + ".*?" + re.escape(END), re.S)
    if not pattern.search(text):
        sys.exit("docs/performance.md: there is no place for the results")
    new = pattern.sub(lambda _: section(), text)
    if "--check" in sys.argv:
        sys.exit("docs/performance.md: the results are not those of Benchmarks/results" if new != text else 0)
    with open(PAGE, "w") as file:
        file.write(new)
    subprocess.run(
        [sys.executable, "-B", os.path.join(HERE, "picture.py"), results("bench.json"), results("peers.json"), results("get.svg")],
        check=True)


main()
