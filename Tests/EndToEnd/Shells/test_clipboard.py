"""`vault get --copy`: programs that stand in for wl-copy, xclip and xsel, the real ones under Xvfb, and terminals that are
asked by OSC 52, through tmux and Screen too."""

import base64
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

from person import VAULT, Person

PASSPHRASE = "seven quiet otters read maps"
VALUE = b"planted-0123456789abcdef"
OTHER = b"another value"

# Each keeps the clipboard in a file, and notes its arguments, its variables and whether anybody has the value as an argument.
STAND_IN = r"""#!/usr/bin/python3
import os, sys
name, words, home = os.path.basename(sys.argv[0]), sys.argv[1:], os.environ["HOME"]
with open(home + "/calls", "a") as file:
    print(name, *words, file=file)
if name == "wl-copy" and "--sensitive" in words and os.path.exists(home + "/old"):
    sys.exit("wl-copy: unrecognized option '--sensitive'")
if os.path.exists(home + "/hangs"):
    print(os.getpid(), file=open(home + "/hangs", "w", 1))
    os.kill(os.getpid(), 19)  # SIGSTOP
if os.path.exists(home + "/deaf"):
    sys.exit()
if os.path.exists(home + "/clings") and name == "xclip" and "-out" in words:
    # Once: it does not end, and neither does a process that it started, which has the pipe of its output.
    os.remove(home + "/clings")
    child = os.fork()
    if child:
        with open(home + "/children", "a") as file:
            print(os.getpid(), child, file=file)
    elif os.path.exists(home + "/escapes"):
        os.setsid()
    os.execv("/bin/sleep", ["sleep", "90"])
if os.path.exists(home + "/broken"):
    sys.exit("Error: cannot open display\nand more")
if name == "wl-paste" or "-out" in words or "--output" in words:
    with open(home + "/clip", "rb") as file:
        sys.stdout.buffer.write(file.read())
    sys.exit()
clears = "--clear" in words
value = b"" if clears else sys.stdin.buffer.read()
if value == b"planted-0123456789abcdef":
    for process in filter(str.isdigit, os.listdir("/proc")):
        for part in "cmdline", "environ":
            try:
                with open(f"/proc/{process}/{part}", "rb") as file:
                    if value in file.read():
                        os.mknod(home + f"/seen-{part}")
            except OSError:
                pass
with open(home + "/clip", "wb") as file:
    file.write(value)
with open(home + "/variables", "w") as file:
    print(*sorted(os.environ), file=file)
# As the real ones, it leaves a process behind that has its standard descriptors.
if not clears and os.fork() == 0:
    os.execv("/bin/sleep", ["sleep", "20"])
"""


class Copying(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self.home = self.directory.name
        os.mkdir(self.home + "/bin")
        os.mkdir(self.home + "/run", 0o700)
        self.environment = {"PATH": self.home + "/bin:/bin-not-there", "HOME": self.home, "TERM": "xterm",
                            "XDG_RUNTIME_DIR": self.home + "/run", "VAULT_PASSPHRASE": PASSPHRASE}
        self.vault("init", "-q", "--kdf-memory", "64", "--kdf-time", "3")
        self.vault("unlock", "-q")
        self.vault("set", "-q", "team", "A", stdin=VALUE)
        self.vault("set", "-q", "team", "B", stdin=OTHER)
        self.vault("set", "-q", "team", "NUL", stdin=b"a\0b")
        self.vault("set", "-q", "team", "LATIN", stdin=b"caf\xe9")
        self.vault("set", "-q", "team", "LONG", stdin=b"x" * 74_995)

    def tearDown(self):
        for process in self.holders():
            os.kill(process, signal.SIGKILL)
        self.run_vault("lock", "--all", "-q")
        self.directory.cleanup()

    def run_vault(self, *words, stdin=b"", **variables):
        return subprocess.run([VAULT, *words], env={**self.environment, **variables}, input=stdin, start_new_session=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)

    def vault(self, *words, **more):
        result = self.run_vault(*words, **more)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stderr.decode()

    def refused(self, *words, code, **variables):
        result = self.run_vault(*words, **variables)
        self.assertEqual((result.returncode, result.stdout), (code, b""), result.stderr)
        return result.stderr.decode()

    def stand_in(self, *names):
        for name in names:
            with open(f"{self.home}/bin/{name}", "w") as file:
                file.write(STAND_IN)
            os.chmod(file.name, 0o755)

    def real(self, name):
        os.symlink(shutil.which(name), f"{self.home}/bin/{name}")

    def holders(self):
        """The processes of this home that clear a clipboard later."""
        found = []
        for name in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{name}/cmdline", "rb") as file:
                    words = file.read().split(b"\0")
            except OSError:
                continue
            if words[0] == b"vault-clipboard" and words[1].startswith(self.home.encode()):
                found.append(int(name))
        return found

    def read(self, name):
        with open(f"{self.home}/{name}", "rb") as file:
            return file.read()

    def until(self, condition, seconds=20):
        end = time.monotonic() + seconds
        while not condition():
            self.assertLess(time.monotonic(), end, "waited in vain")
            time.sleep(0.05)


class Displays(Copying):
    KINDS = [
        (("wl-copy", "wl-paste"), "WAYLAND_DISPLAY",
         ["wl-copy --type text/plain --sensitive", "wl-paste --no-newline", "wl-copy --clear"]),
        (("xclip",), "DISPLAY",
         ["xclip -selection clipboard -in", "xclip -selection clipboard -out", "xclip -selection clipboard -in"]),
        (("xsel",), "DISPLAY", ["xsel --clipboard --input", "xsel --clipboard --output", "xsel --clipboard --clear"]),
    ]

    def test_each_program_gets_the_value_by_a_pipe_alone_and_the_clipboard_is_cleared(self):
        for names, variable, calls in self.KINDS:
            with self.subTest(names[0]):
                for name in os.listdir(self.home + "/bin"):
                    os.remove(f"{self.home}/bin/{name}")
                self.stand_in(*names)
                self.environment.pop("WAYLAND_DISPLAY", None)
                self.environment[variable] = "here"
                said = self.vault("get", "-C", "A", "--clear-after", "6s", SECRET="of the shell")
                self.assertEqual(said, "Copied 'A' to the clipboard; it is cleared in 6 s\n")
                self.assertEqual(self.read("clip"), VALUE)
                self.assertEqual(self.read("calls").decode().splitlines(), calls[:1])
                self.until(lambda: self.read("clip") == b"")
                self.until(lambda: not self.holders())
                self.assertEqual(self.read("calls").decode().splitlines(), calls)
                self.assertFalse([name for name in os.listdir(self.home) if name.startswith("seen")])
                variables = self.read("variables").decode().split()
                self.assertIn(variable, variables)
                self.assertFalse({"VAULT_PASSPHRASE", "SECRET"} & set(variables))
                os.remove(self.home + "/calls")

    def test_it_is_cleared_after_45_seconds_unless_said_otherwise(self):
        self.stand_in("xclip")
        said = self.vault("get", "A", "--copy", DISPLAY=":1")
        self.assertEqual(said, "Copied 'A' to the clipboard; it is cleared in 45 s\n")
        self.assertEqual(self.vault("get", "A", "--copy", "-q", DISPLAY=":1"), "")

    def test_wayland_comes_first_and_then_xclip_and_xsel(self):
        both = {"WAYLAND_DISPLAY": "w", "DISPLAY": ":1"}
        for names, used in [(["xsel"], "xsel"), (["xclip"], "xclip"), (["wl-copy"], "xclip"), (["wl-paste"], "wl-copy")]:
            self.stand_in(*names)
            self.vault("get", "-C", "A", **both)
            self.assertEqual(self.read("calls").split()[0].decode(), used)
            os.remove(self.home + "/calls")

    def test_an_older_wl_copy_gets_no_option_that_it_does_not_know(self):
        self.stand_in("wl-copy", "wl-paste")
        open(self.home + "/old", "w").close()
        self.vault("get", "-C", "A", WAYLAND_DISPLAY="w")
        self.assertEqual(self.read("clip"), VALUE)
        self.assertEqual(self.read("calls").decode().splitlines(),
                         ["wl-copy --type text/plain --sensitive", "wl-copy --type text/plain"])

    def test_a_newer_clipboard_is_left_alone(self):
        self.stand_in("xclip")
        self.vault("get", "-C", "A", "--clear-after", "3s", DISPLAY=":1")
        with open(self.home + "/clip", "wb") as file:
            file.write(b"copied by hand")
        self.until(lambda: not self.holders())
        self.assertEqual(self.read("clip"), b"copied by hand")
        self.assertEqual(self.read("calls").decode().splitlines()[1:], ["xclip -selection clipboard -out"])

    def test_the_same_value_again_is_cleared_by_the_later_time(self):
        self.stand_in("xclip")
        self.vault("get", "-C", "A", "--clear-after", "1s", DISPLAY=":1")
        [first] = self.holders()
        self.vault("get", "-C", "A", "--clear-after", "1h", DISPLAY=":1")
        self.until(lambda: first not in self.holders())
        time.sleep(1.5)
        self.assertEqual(self.read("clip"), VALUE)
        # Another display has a clipboard of its own.
        [second] = self.holders()
        self.vault("get", "-C", "A", "--clear-after", "1h", DISPLAY=":2")
        self.assertEqual(len(self.holders()), 2)
        self.assertIn(second, self.holders())

    def test_a_command_substitution_returns_at_once_and_has_nothing(self):
        self.stand_in("xclip")
        began = time.monotonic()
        said = subprocess.run(["/bin/sh", "-c", 'x=$("$0" get -C A 2>&1); echo "[$x]"', VAULT], stdin=subprocess.DEVNULL,
                              env={**self.environment, "DISPLAY": ":1"}, stdout=subprocess.PIPE, timeout=15).stdout
        self.assertEqual(said, b"[Copied 'A' to the clipboard; it is cleared in 45 s]\n")
        self.assertLess(time.monotonic() - began, 15)

    def test_the_process_that_clears_is_of_its_own(self):
        self.stand_in("xclip")
        child, terminal = pty.fork()
        if child == 0:
            os.execve(VAULT, ["vault", "get", "-C", "A", "--clear-after", "1h"], {**self.environment, "DISPLAY": ":1"})
        os.waitpid(child, 0)
        os.close(terminal)  # the window is closed
        [holder] = self.holders()
        about = f"/proc/{holder}"
        with open(about + "/comm") as file:
            self.assertEqual(file.read(), "vault-clipboard\n")

        def links():
            try:
                return sorted(os.readlink(f"{about}/fd/{name}").split(":")[0] for name in os.listdir(about + "/fd"))
            except FileNotFoundError:
                return []
        # It says that the value is copied before it waits.
        self.until(lambda: links() == ["/dev/null"] * 3 + ["anon_inode"] * 2)
        self.assertEqual((os.getsid(holder), os.readlink(about + "/cwd")), (holder, "/"))
        with open(about + "/stat") as file:
            self.assertEqual(file.read().rsplit(")", 1)[1].split()[4], "0")  # no terminal
        with open(about + "/limits") as file:
            self.assertRegex(file.read(), r"Max core file size +0 +0 ")
        os.kill(holder, signal.SIGHUP)
        time.sleep(0.2)
        self.assertEqual(self.holders(), [holder])
        # At the end of the session it does not wait.
        os.kill(holder, signal.SIGTERM)
        self.until(lambda: not self.holders())
        self.assertEqual(self.read("clip"), b"")

    def test_half_a_value_is_not_copied(self):
        self.stand_in("xclip")
        header = (60_000).to_bytes(8, "little") + (10).to_bytes(8, "little")
        for value, code in [(b"", 1), (b"123456789", 1), (b"12345678901", 1), (b"1234567890", -signal.SIGTERM)]:
            holder = subprocess.Popen(["vault-clipboard", self.home + "/bin/xclip", ":1"], executable=VAULT,
                                      env={**self.environment, "DISPLAY": ":1"}, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            holder.stdin.write(header + value)
            holder.stdin.close()
            self.assertEqual(holder.stdout.read()[:1] == b"\0", code != 1)
            holder.stdout.close()
            self.assertEqual(os.path.exists(self.home + "/clip"), code != 1)
            holder.terminate()
            self.assertEqual(holder.wait(), code)

    def test_a_program_that_does_not_answer_is_killed(self):
        self.stand_in("xclip")
        open(self.home + "/hangs", "w").close()
        self.assertEqual(self.refused("get", "-C", "A", code=1, DISPLAY=":1"),
                         "vault: error: xclip cannot copy: it does not answer\n")
        self.assertFalse(os.path.exists("/proc/" + self.read("hangs").decode().strip()))
        self.until(lambda: not self.holders())

    def test_a_process_that_keeps_the_output_of_a_killed_program_keeps_nothing_from_being_cleared(self):
        self.stand_in("xclip")
        for escapes in [False, True]:
            with self.subTest(escapes=escapes):
                for name in ["clings", "escapes"][:1 + escapes]:
                    open(f"{self.home}/{name}", "w").close()
                self.vault("get", "-C", "A", "--clear-after", "1h", DISPLAY=":1")
                self.assertEqual(self.read("clip"), VALUE)
                os.kill(self.holders()[0], signal.SIGTERM)
                self.until(lambda: not self.holders(), 40)
                self.assertEqual(self.read("clip"), b"")
                killed, child = self.read("children").decode().split()[-2:]
                self.assertFalse(os.path.exists("/proc/" + killed))
                if escapes:  # in a session of its own, which is not the program's group
                    os.kill(int(child), signal.SIGKILL)
                else:
                    self.until(lambda: not self.is_running(child))

    def is_running(self, process):
        try:
            with open(f"/proc/{process}/stat") as file:
                return file.read().rsplit(")", 1)[1].split()[0] != "Z"
        except OSError:
            return False

    def test_a_program_that_does_not_read_the_value_has_not_copied_it(self):
        self.stand_in("xclip", "wl-copy", "wl-paste")
        self.vault("set", "-q", "team", "MIB", stdin=b"x" * (1 << 20))
        open(self.home + "/deaf", "w").close()
        for name in ["A", "MIB"]:
            for variable, program in [("DISPLAY", "xclip"), ("WAYLAND_DISPLAY", "wl-copy")]:
                self.assertEqual(self.refused("get", "-C", name, code=1, **{variable: "here"}),
                                 f"vault: error: {program} cannot copy: it did not read the value\n")
        self.assertEqual(self.holders(), [])
        os.remove(self.home + "/deaf")
        self.vault("get", "-C", "MIB", DISPLAY="here")
        self.assertEqual(self.read("clip"), b"x" * (1 << 20))

    def test_any_signal_that_ends_the_process_that_clears_makes_it_clear_at_once(self):
        self.stand_in("xclip")
        for number in [signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGALRM]:
            self.vault("get", "-C", "A", "--clear-after", "1h", DISPLAY=":1")
            os.kill(self.holders()[0], number)
            self.until(lambda: not self.holders())
            self.assertEqual(self.read("clip"), b"")

    @unittest.skipUnless(os.geteuid() == 0, "only root can look into the process")
    def test_the_process_that_clears_has_no_copy_of_the_value(self):
        self.stand_in("xclip")
        self.vault("get", "-C", "A", "--clear-after", "1h", DISPLAY=":1")
        [holder] = self.holders()
        regions = 0
        with open(f"/proc/{holder}/maps") as maps, open(f"/proc/{holder}/mem", "rb") as content:
            for line in maps:
                start, end = (int(number, 16) for number in re.match(r"(\w+)-(\w+)", line).groups())
                try:
                    content.seek(start)
                    self.assertNotIn(VALUE, content.read(end - start))
                    regions += 1
                except (OSError, OverflowError, ValueError):
                    continue
        self.assertGreater(regions, 3)

    @unittest.skipUnless(os.geteuid() == 0 and shutil.which("setpriv"), "only root can become another user")
    def test_no_process_of_the_same_user_can_look_into_the_one_that_clears(self):
        self.stand_in("xclip")
        self.vault("lock", "--all", "-q")
        user = 61234
        copy = self.home + "/bin/vault"
        shutil.copy(VAULT, copy)
        os.chmod(copy, 0o755)
        for path, names, files in os.walk(self.home):
            for name in ["."] + files:
                os.lchown(os.path.join(path, name), user, user)
        self.environment["XDG_RUNTIME_DIR"] = self.home + "/run2"
        subprocess.run([shutil.which("setpriv"), f"--reuid={user}", f"--regid={user}", "--clear-groups", copy, "get", "-C", "A"],
                       env={**self.environment, "DISPLAY": ":1"}, check=True, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        [holder] = self.holders()
        self.assertEqual(os.stat(f"/proc/{holder}/environ").st_uid, 0)  # not the user's, who may not read it

    def test_errors(self):
        self.assertEqual(self.refused("get", "-C", "A", code=1),
                         "vault: error: there is no clipboard: neither a display nor a terminal that has one\n"
                         "vault: hint: install wl-clipboard or xclip on a desktop, or leave out --copy\n")
        for variable, package in [("DISPLAY", "xclip"), ("WAYLAND_DISPLAY", "wl-clipboard")]:
            self.assertEqual(self.refused("get", "-C", "A", code=1, **{variable: ":1"}),
                             "vault: error: there is no program for the clipboard of this display\n"
                             f"vault: hint: install {package}, or leave out --copy\n")
        self.stand_in("xclip")
        for name in ["NUL", "LATIN"]:
            self.assertIn("not UTF-8 or has a NUL byte", self.refused("get", "-C", name, code=11, DISPLAY=":1"))
        self.assertIn("no secret 'NONE'", self.refused("get", "-C", "NONE", code=9, DISPLAY=":1"))
        self.assertIn("--copy cannot be combined with --force", self.refused("get", "-C", "-f", "A", code=2))
        self.assertIn("--clear-after needs --copy", self.refused("get", "--clear-after", "1s", "A", code=2))
        self.assertFalse(os.path.exists(self.home + "/clip"))
        open(self.home + "/broken", "w").close()
        self.assertEqual(self.refused("get", "-C", "A", code=1, DISPLAY=":1"),
                         "vault: error: xclip cannot copy: Error: cannot open display\n")
        self.assertEqual(self.holders(), [])

    @unittest.skipUnless(shutil.which("Xvfb") and shutil.which("xclip") and shutil.which("xsel"), "Xvfb, xclip or xsel is not installed")
    def test_the_real_programs_on_a_real_display(self):
        reading, writing = os.pipe()
        server = subprocess.Popen(["Xvfb", "-noreset", "-displayfd", str(writing), "-screen", "0", "320x240x8"], pass_fds=[writing],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(writing)
        self.addCleanup(server.wait)
        self.addCleanup(server.terminate)
        with os.fdopen(reading) as line:
            self.environment["DISPLAY"] = ":" + line.readline().strip()

        def clipboard():
            return subprocess.run(["/usr/bin/xclip", "-selection", "clipboard", "-out"], env=self.environment,
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=20).stdout

        def holds(value):
            # A program may end a moment before its clipboard is the display's.
            self.until(lambda: clipboard() == value)

        value = "zwei Zeilen\nund ein Ende ohne – 🔑".encode()
        self.vault("set", "-q", "team", "TEXT", stdin=value)
        self.vault("set", "-q", "team", "LONGER", stdin=b"long " * 60_000)
        for name in ["xclip", "xsel"]:
            with self.subTest(name):
                self.real(name)
                self.vault("get", "-C", "TEXT", "--clear-after", "6s")
                holds(value)
                self.until(lambda: not self.holders())
                holds(b"")
                self.vault("get", "-C", "LONGER", "--clear-after", "1h")
                holds(b"long " * 60_000)
                self.vault("get", "-C", "A", "--clear-after", "1h")
                self.until(lambda: len(self.holders()) == 1)  # the one before is killed, and may not be gone yet
                os.kill(self.holders()[0], signal.SIGTERM)
                self.until(lambda: not self.holders())
                holds(b"")
                self.vault("get", "-C", "A", "--clear-after", "1s")
                subprocess.run(["/usr/bin/xsel", "--clipboard", "--input"], env=self.environment, input=b"newer", check=True)
                self.until(lambda: not self.holders())
                holds(b"newer")
                os.remove(f"{self.home}/bin/{name}")


class Terminals(Copying):
    def at_terminal(self, *words, program=VAULT, **variables):
        """What the terminal gets while a command runs, and its exit code."""
        child, terminal = pty.fork()
        if child == 0:
            os.execve(program, [os.path.basename(program), *words], {**self.environment, **variables})
        got = b""
        while True:
            try:
                piece = os.read(terminal, 65536)
            except OSError:
                break
            if not piece:
                break
            got += piece
        os.close(terminal)
        return got, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    SEQUENCE = b"\x1b]52;c;" + base64.b64encode(VALUE) + b"\x07"
    SAID = b"Copied 'A' to the clipboard of the terminal; vault cannot clear it\r\n"

    def test_without_a_display_the_terminal_gets_the_value(self):
        self.assertEqual(self.at_terminal("get", "-C", "A"), (self.SEQUENCE + self.SAID, 0))
        self.assertEqual(self.holders(), [])

    def test_over_ssh_the_terminal_comes_before_the_display(self):
        self.stand_in("xclip")
        for variable in ["SSH_TTY", "SSH_CONNECTION"]:
            got, code = self.at_terminal("get", "-C", "A", DISPLAY=":1", **{variable: "x"})
            self.assertEqual((got, code), (self.SEQUENCE + self.SAID, 0))
        self.assertIn(b"it is cleared in 45 s", self.at_terminal("get", "-C", "A", DISPLAY=":1")[0])
        # Without a terminal, only the display is left.
        self.assertIn("it is cleared in 45 s", self.vault("get", "-C", "A", DISPLAY=":1", SSH_TTY="x"))

    def test_the_terminal_gets_it_even_if_the_output_goes_elsewhere(self):
        got, code = self.at_terminal("-c", 'x=$("$0" get -C A 2>/dev/null); echo "[$x]"', VAULT, program="/bin/sh")
        self.assertEqual((got, code), (self.SEQUENCE + b"[]\r\n", 0))

    def test_a_console_that_would_show_the_value_does_not_get_it(self):
        for kind in ["linux", "dumb", ""]:
            got, code = self.at_terminal("get", "-C", "A", TERM=kind)
            self.assertEqual(code, 1)
            self.assertIn(b"neither a display nor a terminal that has one", got)
            self.assertNotIn(b"]52", got)

    def test_a_value_that_is_too_long_is_refused(self):
        got, code = self.at_terminal("get", "-C", "LONG")
        self.assertEqual(code, 11)
        self.assertIn(b"the value is too long for a terminal's clipboard: more than 74994 bytes", got)
        self.assertNotIn(b"]52", got)

    def test_what_cannot_be_cleared_is_not_copied_when_it_must_be(self):
        got, code = self.at_terminal("get", "-C", "A", "--clear-after", "10s")
        self.assertEqual(code, 1)
        self.assertIn(b"vault cannot clear the clipboard of a terminal; nothing was copied", got)
        self.assertNotIn(b"]52", got)

    @unittest.skipUnless(shutil.which("screen"), "screen is not installed")
    def test_screen_passes_it_on(self):
        value = b"0123456789" * 300
        self.vault("set", "-q", "team", "C", stdin=value)
        sockets = self.home + "/sockets"
        os.mkdir(sockets, 0o700)
        got, _ = self.at_terminal("-c", "/dev/null", "/bin/sh", "-c", f"{VAULT} get -C C; sleep 1", program="/usr/bin/screen",
                                  SCREENDIR=sockets, PATH="/usr/bin:/bin")
        self.assertIn(b"\x1b]52;c;" + base64.b64encode(value) + b"\x07", got)


class InTmux(Person):
    def setUp(self):
        super().setUp()
        environment = dict(self.environment, VAULT_PASSPHRASE=PASSPHRASE)
        for words, value in [(["init", "-q", "--kdf-memory", "64", "--kdf-time", "3"], b""), (["unlock", "-q"], b""),
                             (["set", "-q", "team", "A"], VALUE)]:
            subprocess.run([VAULT, *words], env=environment, input=value, check=True)

    def attach(self):
        """A terminal that shows the session of tmux."""
        child, terminal = pty.fork()
        if child == 0:
            os.execve("/usr/bin/tmux", ["tmux", "attach"], {**self.environment, "TERM": "xterm-256color"})
        self.addCleanup(os.waitpid, child, 0)
        self.addCleanup(os.kill, child, signal.SIGKILL)
        return terminal

    def received(self, terminal, pattern, seconds=20):
        got = b""
        end = time.monotonic() + seconds
        while not re.search(pattern, got):
            ready, _, _ = select.select([terminal], [], [], 0.1)
            if ready:
                got += os.read(terminal, 65536)
            self.assertLess(time.monotonic(), end, got)
        return got

    def test_the_terminal_around_tmux_gets_the_value_and_tmux_forgets_it(self):
        terminal = self.attach()
        self.received(terminal, rb"READY>")
        screen = self.type("vault get -C A", then=r"vault cannot clear it\nREADY>$")
        self.assertIn("Copied 'A' to the clipboard of the terminal", screen)
        self.assertNotIn("planted", screen)
        got = self.received(terminal, rb"\x1b\]52;[^;]*;[A-Za-z0-9+/=]+(\x07|\x1b\\)")
        self.assertIn(base64.b64encode(VALUE), got)
        self.assertEqual(self.tmux("list-buffers"), "")

    def test_an_older_tmux_passes_the_sequence_on(self):
        # It has no -w; this one passes sequences on only if it is told to.
        self.tmux("set-option", "-g", "allow-passthrough", "on")
        older = os.path.join(self.directory.name, "older")
        os.mkdir(older)
        with open(older + "/tmux", "w") as file:
            file.write("#!/bin/sh\necho 'usage: load-buffer' >&2; exit 1\n")
        os.chmod(file.name, 0o755)
        terminal = self.attach()
        self.received(terminal, rb"READY>")
        self.type(f"PATH={older}:$PATH vault get -C A", then=r"vault cannot clear it\nREADY>$")
        self.assertIn(base64.b64encode(VALUE), self.received(terminal, rb"\x1b\]52;c;[A-Za-z0-9+/=]+\x07"))


if __name__ == "__main__":
    unittest.main()
