"""What `vault` asks at a terminal, under a shell with job control: stopping, continuing, ending, and two commands at once."""

import os
import re
import signal
import subprocess
import time
import unittest

from person import VAULT, Person

PASSPHRASE = "seven quiet otters read maps"
PROMPT = r"Passphrase for ~/.local/share/vault/default.vault:$"


class Prompts(Person):
    def setUp(self):
        super().setUp()
        environment = dict(self.environment, VAULT_PASSPHRASE=PASSPHRASE)
        subprocess.run([VAULT, "init", "-q", "--kdf-memory", "64", "--kdf-time", "3"], env=environment, check=True)
        for name, value in [("A", b"apple"), ("B", b"pear")]:
            subprocess.run([VAULT, "set", "-q", "team", name], env=environment, input=value, check=True)

    def test_a_typed_passphrase_opens_for_one_command(self):
        for _ in range(2):
            self.type("vault get A", PROMPT)
            self.type_hidden(PASSPHRASE)
            self.assertRegex(self.screen(), r"apple\n(.*\n)*vault: hint: 'vault unlock' keeps the vault open"
                             r"|vault: hint: 'vault unlock' keeps the vault open(.*\n)*apple")
        self.assertEqual(self.status(), "locked")

    def test_a_typed_passphrase_unlocks_if_a_variable_or_the_configuration_says_so(self):
        for setting in ["variable", "configuration"]:
            with self.subTest(setting):
                if setting == "variable":
                    self.type("export VAULT_AUTO_UNLOCK=1")
                else:
                    self.type("unset VAULT_AUTO_UNLOCK; mkdir -p ~/.config/vault")
                    self.type("echo 'auto_unlock = true' >~/.config/vault/config.toml")
                self.type("vault get A", PROMPT)
                self.type_hidden("wrong", PROMPT)
                self.type_hidden(PASSPHRASE)
                self.assertRegex(self.screen(), r"Unlocked .*; it locks in 1h without use")
                self.assertNotIn("keeps the vault open", self.screen())
                self.type("vault get B; vault check")
                self.assertRegex(self.screen(), r"pear\n(.*\n)*ok: 2 secrets")
                self.type("vault lock")
                # Work on the whole file does the same.
                self.type("vault check", PROMPT)
                self.type_hidden(PASSPHRASE)
                self.assertEqual(self.status(), "unlocked")
                self.type("vault lock; VAULT_AUTO_UNLOCK=0 vault get A", PROMPT)
                self.type_hidden(PASSPHRASE)
                self.assertEqual(self.status(), "locked")
                self.type("vault get A --no-input")
                self.assertIn("--no-input or VAULT_NO_INPUT forbids asking", self.screen())
                self.type("VAULT_AUTO_UNLOCK=1 XDG_RUNTIME_DIR=/proc/nope vault get A", PROMPT)
                self.type_hidden(PASSPHRASE)
                self.assertRegex(self.screen(), r"cannot unlock the vault for other commands: /proc/nope(.*\n)*apple")
                self.type(f"VAULT_PASSPHRASE='{PASSPHRASE}' vault get A")
                self.assertEqual(self.status(), "locked")

    def type_hidden(self, text, then=r"READY>$"):
        """Types an answer that is not shown."""
        before = self.screen()
        self.tmux("send-keys", "-l", text)
        self.tmux("send-keys", "Enter")
        end = time.monotonic() + 20
        while self.screen() == before or not re.search(then, self.screen()):
            self.assertLess(time.monotonic(), end, self.screen())
            time.sleep(0.05)

    def status(self):
        """What `vault status` says of the vault."""
        result = subprocess.run([VAULT, "status"], env=self.environment, stdout=subprocess.PIPE)
        return re.search(r"state: (\w+)", result.stdout.decode())[1]

    def process(self):
        """The number of the only vault that runs here."""
        for name in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{name}/cmdline", "rb") as file:
                    words = file.read().split(b"\0")
                if words[0] == b"vault" and os.readlink(f"/proc/{name}/cwd").startswith(self.directory.name):
                    return int(name)
            except OSError:
                continue
        self.fail("no vault runs")

    def state(self):
        with open(f"/proc/{self.process()}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0]

    def assert_echo(self):
        modes = self.type("stty -a", then=r"echoctl[^$]*READY>$")
        self.assertRegex(modes, r"[ \n]echo ")
        self.assertRegex(modes, r"[ \n]icanon ")

    def test_ctrl_z_stops_at_once_and_fg_asks_again_with_an_empty_line(self):
        self.type("vault get A", then=PROMPT)
        self.tmux("send-keys", "-l", "half a passphrase")
        self.key("C-z")
        self.wait(r"Stopped +vault get A\nREADY>$")
        self.assertIn("the shell has it", self.type("echo the shell ''has it"))
        self.assert_echo()
        self.type("fg", then=r"vault get A\n" + PROMPT)
        screen = self.type(PASSPHRASE)
        self.assertRegex(screen, r"apple\nREADY>$")
        self.assertNotIn("otters", screen)
        self.assertNotIn("half", screen)
        self.assert_echo()

    def test_ctrl_z_works_at_the_prompts_for_a_value_a_name_and_a_yes(self):
        self.type("export VAULT_PASSPHRASE='" + PASSPHRASE + "'")
        for command, prompt, answers in [
            ("vault set team C", "Value:", ["lemon", "lemon"]), ("vault set team", "Name:", ["D", "fig", "fig"]),
            ("vault delete team A", r"Are you sure you want to delete the team secret 'A'\? \[y/N\]", ["y"]),
        ]:
            self.type(command, then=prompt + "$")
            self.tmux("send-keys", "-l", "half")
            self.key("C-z")
            self.wait(r"Stopped +" + command + r"\nREADY>$")
            self.assert_echo()
            self.type("fg", then=command + r"\n" + prompt + "$")
            for answer in answers[:-1]:
                self.type(answer, then=r"[:\]]$")
            self.type(answers[-1])
            self.assertIn("code 0", self.type("echo code $?"))
        self.assertRegex(self.type("vault get team C; vault list"), r"\nlemon\n(.*\n)*B +team *\n(.*\n)*D +team")

    def test_a_stop_from_outside_is_as_good_as_ctrl_z(self):
        for number in [signal.SIGTSTP, signal.SIGSTOP]:
            self.type("vault get A", then=PROMPT)
            self.tmux("send-keys", "-l", "half")
            time.sleep(0.2)
            os.kill(self.process(), number)
            self.wait(r"Stopped.* +vault get A\nREADY>$")
            self.assert_echo()
            self.type("fg", then=r"vault get A\n+" + PROMPT)
            self.assertNotIn("otters", self.type(PASSPHRASE, then=r"apple\nREADY>$"))
            self.assert_echo()

    def test_a_command_that_asks_in_the_background_stops_until_it_is_in_the_foreground(self):
        self.type("vault get A &", then=r"READY>(\n(.*\n)*READY>)?$")
        time.sleep(0.5)
        self.assertEqual(self.state(), "T")
        self.assertRegex(self.type("jobs"), r"Stopped.* +vault get A")
        self.assert_echo()
        self.type("vault get B", then=PROMPT)
        self.type(PASSPHRASE, then=r"pear\nREADY>$")
        self.type("fg", then=r"vault get A\n" + PROMPT)
        self.key("C-z")
        self.wait(r"Stopped +vault get A\nREADY>$")
        self.type("bg", then=r"READY>$")
        time.sleep(0.5)
        self.assertEqual(self.state(), "T")
        # Stopped in the background it still ends when it is told to.
        self.type("kill %1; sleep 1; jobs", then=r"Terminated.*vault get A(.*\n)*READY>$")
        self.assert_echo()

    def test_a_command_that_nobody_can_bring_to_the_foreground_says_so_and_ends(self):
        self.type("sh -c '(sleep 1; vault get A 2>said; echo code $? >>said) &'")
        self.assertRegex(self.type("sleep 3; cat said"), r"cannot prompt: .* in the background.*\n(.*\n)*code 4\n")
        self.assert_echo()

    def test_ctrl_c_and_the_signals_that_end_a_process_leave_the_echo_on(self):
        self.type("vault get A", then=PROMPT)
        self.tmux("send-keys", "-l", "half")
        self.key("C-c")
        self.wait(r"cancelled\nREADY>$")
        self.assertIn("code 3", self.type("echo code $?", then=r"code \d+"))
        self.assert_echo()
        for number in [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGVTALRM, signal.SIGPROF,
                       signal.SIGIO, signal.SIGPWR, signal.SIGABRT]:
            self.type("vault get A", then=PROMPT)
            os.kill(self.process(), number)
            self.wait(r"cancelled\nREADY>$")
            self.assert_echo()

    def test_two_commands_of_a_pipeline_ask_one_after_the_other(self):
        self.type("vault get A >a | vault get B >b", then=PROMPT)
        time.sleep(0.5)
        self.assertEqual(self.screen().count("Passphrase for"), 1, self.screen())
        self.type(PASSPHRASE, then=PROMPT)
        self.assertNotIn("otters", self.type(PASSPHRASE))
        self.assertIn("applepear", self.type("cat a b"))
        self.assert_echo()

    def test_a_pipeline_that_asks_twice_can_be_stopped_continued_and_cancelled(self):
        self.type("vault get A >a | vault get B >b", then=PROMPT)
        self.key("C-z")
        self.wait(r"Stopped +vault get A > a \| vault get B > b\nREADY>$")
        self.assert_echo()
        self.type("fg", then=r"> b\n" + PROMPT)
        self.type(PASSPHRASE, then=PROMPT)
        self.type(PASSPHRASE)
        self.assertIn("applepear", self.type("cat a b"))
        self.assert_echo()
        self.type("vault get A | vault get B", then=PROMPT)
        self.key("C-c")
        self.wait(r"READY>$")
        self.assert_echo()

    def test_echo_that_was_off_before_is_turned_on_by_whoever_turned_it_off(self):
        self.type("stty -echo; vault get A | (sleep 2; stty echo </dev/tty; cat)", then=PROMPT)
        time.sleep(3)
        self.tmux("send-keys", "-l", PASSPHRASE)
        self.key("Enter")
        self.wait(r"apple(.*\n)*READY>$")
        self.assert_echo()

    def test_three_tries(self):
        self.type("vault get A", then=PROMPT)
        self.type("wrong", then=r"wrong passphrase, try again\n" + PROMPT)
        self.type(PASSPHRASE, then=r"apple\nREADY>$")
        self.type("vault get A", then=PROMPT)
        for _ in range(2):
            self.type("wrong", then=r"try again\n" + PROMPT)
        screen = self.type("wrong")
        self.assertRegex(screen, r"vault: error: wrong passphrase\nvault: hint: ")
        self.assertIn("code 5", self.type("echo code $?", then=r"code \d+"))
        self.assert_echo()

    def test_the_hint_after_the_last_try_can_be_pasted(self):
        self.type("VAULT_PASSPHRASE='" + PASSPHRASE + "' vault recovery-key >/dev/null")
        self.type("vault get A", then=PROMPT)
        for _ in range(2):
            self.type("wrong", then=r"try again\n" + PROMPT)
        [command] = re.findall(r"if you forgot it, '(vault [^']*)'", self.type("wrong"))
        self.assertEqual(command, "vault passwd --recovery")
        self.type(command, then=r"\n[^\n]*[Rr]ecovery key[^\n]*: *$")
        self.key("C-c")
        self.wait(r"READY>$")
        self.assert_echo()


if __name__ == "__main__":
    unittest.main()
