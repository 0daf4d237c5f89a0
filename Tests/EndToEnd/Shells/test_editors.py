"""`vault edit` with editors that have the file opened by another process, which was running before and inherits nothing."""

import fcntl
import os
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import threading
import time
import unittest

from person import VAULT

# Programs inherit ignored signals, and the tests may have been started by nohup.
for ignored in signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM:
    signal.signal(ignored, signal.SIG_DFL)

PASSPHRASE = "seven quiet otters read maps"

# Hands the path to the server and, told to, waits for its answer.
CLIENT = r"""#!/usr/bin/python3
import os, socket, sys
home = os.environ["HOME"]
with open(home + "/called", "w") as file:
    print(*sys.argv[1:-1], file=file)
server = socket.socket(socket.AF_UNIX)
server.connect(home + "/server")
server.sendall(sys.argv[-1].encode() + b"\n")
sys.exit(server.recv(10) != b"done")
"""


class Server(threading.Thread):
    """The process of an editor that runs already: this one."""

    def __init__(self, path, edit):
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(path)
        self.socket.listen()
        self.edit, self.error = edit, None
        self.start()

    def run(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            with connection:
                path = connection.makefile().readline().rstrip("\n")
                try:
                    self.edit(path)
                    connection.sendall(b"done")
                except Exception as error:
                    self.error = error


class Editors(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        self.home = self.directory.name
        # /dev/shm is in memory.
        self.memory = tempfile.TemporaryDirectory(dir="/dev/shm")
        self.addCleanup(self.memory.cleanup)
        self.runtime = self.memory.name
        os.mkdir(self.home + "/bin")
        self.environment = {"PATH": self.home + "/bin:/usr/bin:/bin", "HOME": self.home, "XDG_RUNTIME_DIR": self.runtime,
                            "VAULT_PASSPHRASE": PASSPHRASE}
        self.vault("init", "-q", "--kdf-memory", "64", "--kdf-time", "3")
        self.vault("unlock", "-q")
        self.addCleanup(self.run_vault, "lock", "--all", "-q")
        self.vault("set", "-q", "team", "A", stdin=b"before")
        self.paths = []

    def run_vault(self, *words, stdin=b"", **variables):
        return subprocess.run([VAULT, *words], env={**self.environment, **variables}, input=stdin, start_new_session=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)

    def vault(self, *words, **more):
        result = self.run_vault(*words, **more)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout.decode(), result.stderr.decode()

    def value(self):
        return self.vault("get", "A")[0]

    def editor(self, *names):
        for name in names:
            with open(f"{self.home}/bin/{name}", "w") as file:
                file.write(CLIENT)
            os.chmod(file.name, 0o755)

    def serve(self, edit):
        def noted(path):
            self.paths.append(path)
            edit(path)
        server = Server(self.home + "/server", noted)
        self.addCleanup(server.socket.close)
        return server

    def assert_clean(self):
        self.assertEqual([name for name in os.listdir(self.runtime) if name != "vault"], [])

    @staticmethod
    def append(path):
        with open(path, "ab") as file:
            file.write(b" and after")

    def test_another_process_can_open_the_file_and_nothing_is_left(self):
        def edit(path):
            directory = os.path.dirname(path)
            self.modes = [stat.S_IMODE(os.stat(name).st_mode) for name in (path, directory)]
            with open(path, "rb") as file:
                self.before = file.read()
            self.append(path)
            with open(path + "~", "wb") as file:  # a backup of the editor
                file.write(b"before")
            os.symlink("somebody@somewhere", directory + "/.#value")
        server = self.serve(edit)
        self.editor("code")
        _, said = self.vault("edit", "team", "A", VISUAL="code --wait")
        self.assertIsNone(server.error)
        [path] = self.paths
        self.assertTrue(path.startswith(self.runtime + "/vault-edit."), path)
        self.assertEqual((self.modes, self.before), ([0o600, 0o700], b"before"))
        self.assertEqual(said, f"vault: warning: code opens files in another process: until it is done, the value is in {path}, "
                               "in memory\nSet 'A' in team\n")
        self.assertEqual(self.value(), "before and after")
        self.assert_clean()

    def test_an_editor_may_replace_the_file_by_a_rename(self):
        def edit(path):
            with open(path + ".new", "wb") as file:
                file.write(b"replaced\n")
            os.rename(path + ".new", path)
        self.serve(edit)
        self.editor("gedit")
        self.vault("edit", "team", "A", EDITOR="gedit -w")
        self.assertEqual(self.value(), "replaced")
        self.assert_clean()

    def test_every_editor_that_hands_over_is_known(self):
        self.serve(self.append)
        expected = "before"
        for command in ["code -nw", "codium --wait", "code-insiders --wait", "cursor --wait", "subl -w", "emacsclient",
                        "emacsclient -t", "gnome-text-editor -s", "gedit --wait", "kate -b", "zed --wait", "mate -w", "atom --wait",
                        "idea --wait", "env WINDOW=1 code --wait", self.home + "/bin/code --wait"]:
            with self.subTest(command):
                self.editor(next(word.split("/")[-1] for word in command.split() if word != "env" and "=" not in word))
                _, said = self.vault("edit", "team", "A", EDITOR=command)
                expected += " and after"
                self.assertEqual(self.value(), expected)
                self.assertIn("opens files in another process", said)
        self.assert_clean()

    def test_a_link_to_such_an_editor_is_followed(self):
        self.serve(self.append)
        self.editor("emacsclient.emacs")
        os.symlink(self.home + "/bin/emacsclient.emacs", self.home + "/bin/editor")
        self.vault("edit", "team", "A", EDITOR="editor")
        self.assertEqual(self.value(), "before and after")

    def test_a_sandbox_is_let_in(self):
        self.serve(self.append)
        self.editor("flatpak")
        self.vault("edit", "team", "A", EDITOR="flatpak run com.visualstudio.code --wait")
        self.assertEqual(self.value(), "before and after")
        with open(self.home + "/called") as file:
            words = file.read().split()
        directory = os.path.basename(os.path.dirname(self.paths[0]))
        self.assertEqual(words, ["run", "--filesystem=xdg-run/" + directory, "com.visualstudio.code", "--wait"])
        self.editor("snap")
        shutil.copy("/bin/true", self.home + "/bin/snap")
        _, said = self.vault("edit", "team", "A", EDITOR="snap run code --wait")
        self.assertIn("vault: hint: if you changed it, code cannot reach the file: export VISUAL=vi\nNothing changed", said)
        self.assert_clean()

    def test_an_editor_that_does_not_wait_is_refused(self):
        for command, hint in [("code", "'code --wait'"), ("subl -n", "'subl -n --wait'"), ("kate", "'kate --block'"),
                              ("gnome-text-editor", "'gnome-text-editor --standalone'"), ("gvim", "'gvim -f'"),
                              ("flatpak run com.visualstudio.code", "'flatpak run com.visualstudio.code --wait'")]:
            with self.subTest(command):
                result = self.run_vault("edit", "team", "A", VISUAL=command)
                self.assertEqual(result.returncode, 2)
                self.assertRegex(result.stderr.decode(),
                                 r"\Avault: error: [\w-]+ does not wait until the file is closed; nothing was set\n"
                                 rf"vault: hint: export VISUAL={hint}\n\Z")
        for program, option in [("emacsclient", "-n"), ("vim", "--remote")]:
            result = self.run_vault("edit", "team", "A", VISUAL=f"{program} {option}")
            self.assertEqual((result.returncode, result.stderr.decode()),
                             (2, f"vault: error: with {option}, {program} does not wait until the file is closed; nothing was set\n"
                                 f"vault: hint: export VISUAL={program}\n"))
        self.assert_clean()

    def test_without_a_directory_in_memory_it_is_refused(self):
        self.editor("code")
        os.mkdir(self.home + "/disk", 0o700)
        directories = [self.runtime + "/none", "relative"]
        if subprocess.run(["stat", "-f", "-c", "%T", self.home], stdout=subprocess.PIPE).stdout.strip() != b"tmpfs":
            directories.append(self.home + "/disk")
        os.mkdir(self.runtime + "/open", 0o755)
        directories.append(self.runtime + "/open")
        os.symlink(self.runtime, self.runtime + "/link")
        directories.append(self.runtime + "/link")
        for directory in directories:
            with self.subTest(directory):
                result = self.run_vault("edit", "team", "A", EDITOR="code --wait", XDG_RUNTIME_DIR=directory,
                                        VAULT_FILE=self.home + "/.local/share/vault/default.vault")
                self.assertEqual(result.returncode, 1, result.stderr)
                self.assertIn(b"code opens files in another process, and there is no directory in memory for it", result.stderr)
                self.assertIn(b"vault: hint: edit in the terminal: export VISUAL=vi\n", result.stderr)
        self.assertFalse(os.path.exists(self.home + "/called"))

    def test_it_is_removed_if_the_editor_fails_or_deletes_it(self):
        def fail(path):
            self.append(path)
            raise ValueError
        self.serve(fail)
        self.editor("code")
        result = self.run_vault("edit", "team", "A", EDITOR="code --wait")
        self.assertEqual(result.returncode, 3)
        self.assertIn(b"the editor failed; nothing was set", result.stderr)
        self.assert_clean()
        with open(self.home + "/bin/subl", "w") as file:
            file.write('#!/bin/sh\nrm "$2"\n')
        os.chmod(file.name, 0o755)
        self.assertEqual(self.run_vault("edit", "team", "A", EDITOR="subl -w").returncode, 1)
        self.assertEqual(self.value(), "before")
        self.assert_clean()

    def serve_until_told(self):
        """An editor that says when it has appended to the file, and is done when it is told to."""
        opened, finish = threading.Event(), threading.Event()

        def edit(path):
            self.append(path)
            opened.set()
            finish.wait(30)
        self.serve(edit)
        self.editor("code")
        self.addCleanup(finish.set)
        return opened, finish

    def test_it_is_removed_if_a_signal_ends_vault(self):
        opened, finish = self.serve_until_told()
        faults = {signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGABRT, signal.SIGTRAP, signal.SIGSYS}
        harmless = {signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU, signal.SIGCONT, signal.SIGCHLD, signal.SIGURG,
                    signal.SIGWINCH}
        # Ctrl-C and Ctrl-\ are for the editor; writes to a closed pipe or beyond the limit fail.
        elsewhere = {signal.SIGKILL, signal.SIGINT, signal.SIGQUIT, signal.SIGPIPE, signal.SIGXFSZ}
        numbers = signal.valid_signals() - faults - harmless - elsewhere
        self.assertLess({signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGALRM, signal.SIGXCPU, signal.SIGIO, 16,
                         signal.SIGPWR, signal.SIGRTMIN, signal.SIGRTMAX}, numbers)
        for number in sorted(numbers):
            opened.clear()
            finish.clear()
            child = subprocess.Popen([VAULT, "edit", "team", "A"], env={**self.environment, "EDITOR": "code --wait"},
                                     stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
            self.assertTrue(opened.wait(20))
            self.assertTrue(os.path.exists(self.paths[-1]))
            child.send_signal(number)
            self.assertEqual(child.wait(20), -number)
            self.assert_clean()
            finish.set()
        self.assertEqual(self.value(), "before")

    def test_ctrl_c_is_for_the_editor_alone(self):
        opened, finish = self.serve_until_told()
        child = subprocess.Popen([VAULT, "edit", "team", "A"], env={**self.environment, "EDITOR": "code --wait"},
                                 stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        self.assertTrue(opened.wait(20))
        for number in [signal.SIGINT, signal.SIGQUIT]:
            child.send_signal(number)
        time.sleep(0.3)
        self.assertIsNone(child.poll())
        finish.set()
        self.assertEqual(child.wait(20), 0)
        self.assertEqual(self.value(), "before and after")
        self.assert_clean()

    def test_ctrl_c_before_the_editor_has_started_waits_until_the_file_is_removed(self):
        self.editor("code")
        for number in [signal.SIGINT, signal.SIGQUIT, signal.SIGUSR2]:
            # vault stands still where it says that the value is in the file: nobody reads that yet.
            reading, writing = os.pipe()
            self.addCleanup(os.close, reading)
            os.set_blocking(writing, False)
            with self.assertRaises(BlockingIOError):
                while True:
                    os.write(writing, b"x" * 4096)
            os.set_blocking(writing, True)
            child = subprocess.Popen([VAULT, "edit", "team", "A"], env={**self.environment, "EDITOR": "code --wait"},
                                     stdin=subprocess.DEVNULL, stderr=writing, start_new_session=True)
            os.close(writing)
            end = time.monotonic() + 20
            while not any(name.startswith("vault-edit.") for name in os.listdir(self.runtime)):
                self.assertLess(time.monotonic(), end)
                time.sleep(0.02)
            child.send_signal(number)
            while os.read(reading, 4096):  # to the end, which is vault's
                pass
            self.assertEqual(child.wait(20), -number)
            self.assertFalse(os.path.exists(self.home + "/called"))
            self.assert_clean()

    def test_a_pipe_or_a_link_in_its_place_is_an_error(self):
        def pipe(path):
            os.remove(path)
            os.mkfifo(path)

        def link(path):
            os.remove(path)
            os.symlink("/etc/hostname", path)

        def directory(path):
            os.remove(path)
            os.mkdir(path)
        for edit in [pipe, link, directory]:
            with self.subTest(edit.__name__):
                server = self.serve(edit)
                self.editor("code")
                result = self.run_vault("edit", "team", "A", EDITOR="code --wait")
                self.assertEqual(result.returncode, 3)
                self.assertIn(b"vault: error: the editor left no regular file; nothing was set\n", result.stderr)
                self.assert_clean()
                server.socket.shutdown(socket.SHUT_RDWR)
                server.join()
                os.remove(self.home + "/server")
        self.assertEqual(self.value(), "before")

    def test_directories_beside_it_are_removed_too(self):
        def edit(path):
            os.makedirs(os.path.dirname(path) + "/.backup/a/b")
            shutil.copy(path, os.path.dirname(path) + "/.backup/a/b/value")
            os.symlink(self.home, os.path.dirname(path) + "/.backup/link")
            self.append(path)
        self.serve(edit)
        self.editor("code")
        _, said = self.vault("edit", "team", "A", EDITOR="code --wait")
        self.assertNotIn("cannot remove", said)
        self.assertEqual(self.value(), "before and after")
        self.assert_clean()
        self.assertTrue(os.path.exists(self.home + "/bin/code"))

    def test_nothing_is_removed_through_a_link_in_place_of_the_directory(self):
        os.mkdir(self.home + "/mine", 0o700)
        with open(self.home + "/mine/value", "w") as file:
            file.write("kept")

        def edit(path):
            directory = os.path.dirname(path)
            os.rename(directory, self.runtime + "/moved")
            os.symlink(self.home + "/mine", directory)
        self.serve(edit)
        self.editor("code")
        _, said = self.vault("edit", "team", "A", EDITOR="code --wait")
        self.assertIn("vault: warning: cannot remove " + os.path.dirname(self.paths[0]), said)
        with open(self.home + "/mine/value") as file:
            self.assertEqual(file.read(), "kept")
        self.assertEqual(os.listdir(self.runtime + "/moved"), [])
        self.assertEqual(self.value(), "before")

    def test_what_a_killed_one_left_is_removed_by_the_next(self):
        opened, finish = threading.Event(), threading.Event()

        def edit(path):
            os.makedirs(os.path.dirname(path) + "/inner")
            shutil.copy(path, os.path.dirname(path) + "/inner/value")
            opened.set()
            finish.wait(30)
        self.serve(edit)
        self.editor("code")
        self.addCleanup(finish.set)

        killed = subprocess.Popen([VAULT, "edit", "team", "A"], env={**self.environment, "EDITOR": "code --wait"},
                                  stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        self.assertTrue(opened.wait(20))
        killed.kill()
        killed.wait()
        self.assertTrue(os.path.exists(self.paths[0]))
        # The server is busy with what the killed one asked for.
        shutil.copy("/bin/true", self.home + "/bin/subl")
        running = os.path.dirname(self.paths[0])[:-6] + "111111"
        os.mkdir(running, 0o700)
        lock = os.open(running, os.O_RDONLY)
        fcntl.flock(lock, fcntl.LOCK_EX)
        self.vault("edit", "team", "A", EDITOR="subl --wait")
        self.assertFalse(os.path.exists(os.path.dirname(self.paths[0])))
        self.assertTrue(os.path.exists(running))
        os.close(lock)
        self.vault("edit", "team", "A", EDITOR="subl --wait")
        self.assert_clean()

    def test_two_at_once_leave_each_other_alone(self):
        opened, finish = threading.Event(), threading.Event()

        def edit(path):
            opened.set()
            finish.wait(30)
            self.append(path)
        self.serve(edit)
        self.editor("code")
        self.addCleanup(finish.set)
        child = subprocess.Popen([VAULT, "edit", "team", "A"], env={**self.environment, "EDITOR": "code --wait"},
                                 stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        self.assertTrue(opened.wait(20))
        shutil.copy("/bin/true", self.home + "/bin/subl")
        self.vault("edit", "team", "B", "--allow-empty", EDITOR="subl --wait")
        finish.set()
        self.assertEqual(child.wait(20), 0)
        self.assertEqual(self.value(), "before and after")
        self.assert_clean()

    def test_an_editor_that_opens_the_file_itself_gets_a_file_without_a_name(self):
        self.editor("micro")
        with open(self.home + "/bin/micro", "w") as file:
            file.write('#!/bin/sh\nprintf "%s" "$1" >"$HOME/called"; printf more >>"$1"\n')
        _, said = self.vault("edit", "team", "A", EDITOR="micro")
        self.assertEqual(said, "Set 'A' in team\n")
        self.assertEqual(self.value(), "beforemore")
        with open(self.home + "/called") as file:
            self.assertTrue(file.read().startswith("/proc/self/fd/"))


if __name__ == "__main__":
    unittest.main()
