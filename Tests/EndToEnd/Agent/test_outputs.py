"""Where `export -o` and `inject -o` write, and where they do not."""

import os
import subprocess
import threading
import unittest

from agentclient import VAULT, Sandbox

CONTENT = b"A=one\n"


class Outputs(unittest.TestCase):
    def setUp(self):
        self.box = Sandbox()
        self.addCleanup(self.box.close)
        self.box.unlock()
        self.box.must("set", "team", "A", input=b"one")
        self.template = self.box.root + "/template"
        self.put(self.template, b"A={{ secret:A }}\n")
        self.file = self.box.root + "/file"

    @staticmethod
    def put(path, content):
        with open(path, "wb") as file:
            file.write(content)

    @staticmethod
    def read(path):
        with open(path, "rb") as file:
            return file.read()

    def verbs(self, target):
        yield "export", "--format", "dotenv", "-o", target
        yield "inject", "-i", self.template, "-o", target

    def run_at(self, words, **more):
        child = subprocess.run([VAULT, *words], env=self.box.environment, cwd=self.box.root, stdin=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, timeout=60, **more)
        return child.returncode, child.stderr.decode()

    def refused(self, target, words, **more):
        for verb in self.verbs(target):
            code, errors = self.run_at(verb, stdout=subprocess.DEVNULL, **more)
            self.assertEqual(code, 1, (verb, errors))
            self.assertIn(words, errors)

    def test_dev_stdout_is_the_descriptor_with_its_position(self):
        for verb in self.verbs("/dev/stdout"):
            self.put(self.file, b"before\n")
            with open(self.file, "ab") as log:
                self.assertEqual(self.run_at(verb, stdout=log), (0, ""))
            self.assertEqual(self.read(self.file), b"before\n" + CONTENT)

    def test_a_descriptor_that_was_given_is_written_to_and_its_file_not_replaced(self):
        for verb in self.verbs("/dev/fd/7"):
            self.put(self.file, b"head\n")
            before = os.stat(self.file).st_ino
            with open(self.file, "r+b", buffering=0) as file:
                file.seek(5)
                os.dup2(file.fileno(), 7)
                try:
                    self.assertEqual(self.run_at(verb, stdout=subprocess.DEVNULL, pass_fds=[7]), (0, ""))
                finally:
                    os.close(7)
            self.assertEqual((self.read(self.file), os.stat(self.file).st_ino), (b"head\n" + CONTENT, before))

    def test_a_descriptor_that_was_not_given_is_none_whatever_the_program_opened(self):
        for number in [3, 4, 9, 99999, 99999999999]:
            for verb in self.verbs("/dev/fd/%d" % number):
                code, errors = self.run_at(verb, stdout=subprocess.DEVNULL)
                self.assertEqual(code, 1, errors)
                self.assertIn("cannot write /dev/fd/%d: " % number, errors)
        self.assertEqual(self.box.must("get", "A"), b"one")

    def test_a_link_leads_to_the_file_and_one_that_leads_nowhere_makes_none(self):
        link = self.box.root + "/link"
        os.symlink("file", link)
        self.refused(link, "is a dangling symbolic link")
        self.assertEqual(os.readlink(link), "file")
        self.assertFalse(os.path.exists(self.file))
        for verb in self.verbs(link):
            self.put(self.file, b"before\n")
            self.assertEqual(self.run_at(verb, stdout=subprocess.DEVNULL), (0, ""))
            self.assertEqual((os.readlink(link), self.read(self.file)), ("file", CONTENT))

    def test_a_pipe_of_ones_own_gets_it(self):
        os.mkfifo(self.file)
        for verb in self.verbs(self.file):
            found = []
            reader = threading.Thread(target=lambda: found.append(self.read(self.file)))
            reader.start()
            self.assertEqual(self.run_at(verb, stdout=subprocess.DEVNULL), (0, ""))
            reader.join()
            self.assertEqual(found, [CONTENT])

    def test_null_takes_it(self):
        for verb in self.verbs("/dev/null"):
            self.assertEqual(self.run_at(verb, stdout=subprocess.DEVNULL), (0, ""))

    @unittest.skipUnless(os.getuid() == 0, "only root can give a pipe to another user")
    def test_a_pipe_of_another_user_gets_nothing_not_even_a_writer(self):
        os.mkfifo(self.file)
        os.chown(self.file, 65534, 65534)
        link = self.box.root + "/link"
        os.symlink("file", link)
        reader = os.open(self.file, os.O_RDONLY | os.O_NONBLOCK)
        try:
            for target in [self.file, link]:
                self.refused(target, "belongs to another user, who could read it")
            self.assertEqual(os.read(reader, 100), b"")
        finally:
            os.close(reader)
        # Without a reader, opening it would wait.
        self.refused(self.file, "belongs to another user")


if __name__ == "__main__":
    unittest.main()
