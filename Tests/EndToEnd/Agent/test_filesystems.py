"""The life of a vault on file systems that lack a call, each mounted for it: exFAT and rclone by FUSE, overlays, FAT, ext4.

What cannot be mounted here is skipped, with what the system said.
"""

import os
import shutil
import subprocess
import tempfile
import time
import unittest

from agentclient import PASSPHRASE, Sandbox, vaultfile

CHEAP = ["--kdf-memory", "64", "--kdf-time", "3"]


class Mount:
    """An empty file system at `.point`, gone with close()."""

    def __init__(self):
        self.root = os.path.realpath(tempfile.mkdtemp(prefix="vault-fs-"))
        self.point = self.root + "/mnt"
        os.mkdir(self.point)
        self.undo = [lambda: shutil.rmtree(self.root, ignore_errors=True)]
        try:
            self.make()
            self.undo.append(self.unmount)
        except BaseException:
            self.close()
            raise

    def do(self, *words):
        """Skips the test if it cannot be done."""
        try:
            done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20)
        except FileNotFoundError:
            raise unittest.SkipTest(f"{words[0]} is not installed")
        if done.returncode:
            said = (done.stderr or done.stdout).strip().split("\n")
            raise unittest.SkipTest(f"'{' '.join(words)}' failed: {said[0]}")
        return done.stdout.strip()

    def image(self, *make):
        """A loop device with a file system of its own."""
        path = self.root + "/image"
        with open(path, "wb") as file:
            file.truncate(64 << 20)
        self.do(*make, path)
        device = self.do("losetup", "--show", "--find", path)
        self.undo.append(lambda: subprocess.run(["losetup", "--detach", device], capture_output=True))
        return device

    def directory(self, name):
        os.mkdir(os.path.join(self.root, name))
        return os.path.join(self.root, name)

    def unmount(self):
        for words in (["umount", "--lazy", self.point], ["fusermount", "-u", "-z", self.point]):
            try:
                if subprocess.run(words, capture_output=True).returncode == 0:
                    return
            except FileNotFoundError:
                continue

    def close(self):
        while self.undo:
            self.undo.pop()()


class Ext4(Mount):
    def make(self):
        self.do("mount", "-t", "ext4", self.image("mkfs.ext4", "-q"), self.point)


class FAT(Mount):
    def make(self):
        self.do("mount", "-t", "vfat", self.image("mkfs.vfat"), self.point)


class ExFAT(Mount):
    options = "rw"

    def make(self):
        self.do("mount.exfat-fuse", "-o", self.options, self.image("mkfs.exfat"), self.point)


class PrivateExFAT(ExFAT):
    options = "umask=077"


class KernelExFAT(Mount):
    def make(self):
        self.do("mount", "-t", "exfat", self.image("mkfs.exfat"), self.point)


class Overlay(Mount):
    def make(self):
        self.lower, upper, work = (self.directory(name) for name in ("lower", "upper", "work"))
        options = f"lowerdir={self.lower},upperdir={upper},workdir={work}"
        self.do("mount", "-t", "overlay", "overlay", "-o", options, self.point)


class Bound(Mount):
    """Hard links, but no rename that refuses a name that is taken: like NFS in this."""

    def make(self):
        self.do("bindfs", self.directory("source"), self.point)


class RClone(Mount):
    """No links, no modes, numbers that belong to paths, and an input/output error for what it does not know.

    It uploads nothing until `upload`: rclone itself can fail a rename, or lose the file, while it uploads what is renamed
    (github.com/rclone/rclone/issues/4293 and 9943).
    """

    def make(self):
        self.source, self.cache = self.directory("source"), self.directory("cache")
        self.mount(write_back="1h")

    def mount(self, write_back):
        self.do("rclone", "mount", "--config", "/dev/null", "--vfs-cache-mode", "writes", "--vfs-write-back", write_back,
                "--cache-dir", self.cache, "--daemon", self.source, self.point)

    def upload(self):
        """Mounts again, which uploads what was only in the cache."""
        subprocess.run(["fusermount", "-u", self.point], check=True)
        while subprocess.run(["pgrep", "-f", self.cache], capture_output=True).returncode == 0:
            time.sleep(0.05)
        self.mount(write_back="100ms")


def contents(directory):
    """The bytes of each file, by name."""
    found = {}
    for name in os.listdir(directory):
        with open(os.path.join(directory, name), "rb") as file:
            found[name] = file.read()
    return found


class Life(unittest.TestCase):
    def mounted(self, kind):
        mount = kind()
        self.addCleanup(mount.close)
        self.box = Sandbox()
        self.addCleanup(self.box.close)
        self.directory, self.box.cheap, self.box.vault = mount.point, self.box.vault, mount.point + "/v.vault"
        return mount

    def must(self, *words, input=None, direct=False, silent=False):
        """What it prints and says, from the file itself if `direct`."""
        words += ("--passphrase-file", self.box.passphrase) if direct else ()
        code, output, errors = self.box.run(*words, input=input)
        self.assertEqual(code, 0, (words, errors))
        if silent:
            self.assertEqual(errors, "", words)
        return output, errors

    def set(self, name, value, **more):
        self.must("set", "team", name, input=value.encode(), **more)

    def get(self, name, **more):
        return self.must("get", "team", name, silent=True, **more)[0].decode()

    def refused(self, code, words, *command):
        found, _, errors = self.box.run(*command)
        self.assertEqual(found, code, errors)
        self.assertIn(words, errors)
        return errors

    def init(self, *more):
        return self.must("init", *CHEAP, "--new-passphrase-file", self.box.passphrase, *more)[1]

    def leftovers(self):
        # libfuse gives a file that is removed while somebody has it open a name of its own kind.
        # The file that writers lock stays.
        return [name for name in os.listdir(self.directory)
                if name[0] == "." and not name.startswith(".fuse_hidden") and name not in (".v.vault.lock", ".e.vault.lock")]

    def live(self, kind, keeps_modes):
        mount = self.mounted(kind)
        # What an init leaves that was killed where a name cannot be taken in one step.
        present, self.box.vault = self.box.vault, self.directory + "/e.vault"
        open(self.box.vault, "wb").close()
        init = ["init", *CHEAP, "--new-passphrase-file", self.box.passphrase]
        errors = self.refused(1, "is an empty file and was not touched", *init)
        self.refused(6, "is empty, not a vault", "get", "team", "A")
        subprocess.run(errors.split("remove it: ")[1], shell=True, check=True)
        said = self.must(*init)[1]
        self.assertEqual("does not support the mode 0600" in said, not keeps_modes, said)
        self.refused(1, "exists already and was not touched", *init)
        self.set("A", "one", direct=True)

        # The rest with a vault whose key costs less.
        self.box.vault = present
        shutil.copyfile(self.box.cheap, present)
        self.set("A", "one", direct=True)
        self.must("unlock", direct=True)
        self.assertEqual(self.get("A"), "one")

        # The agent and others take turns, and nobody takes a file for replaced that is not, or the other way round.
        left = self.directory + "/.v.vault.compact-0123456789abcdef"
        with open(left, "wb") as file:
            file.write(b"half")
        self.must("compact", direct=True)
        self.assertEqual(self.get("A"), "one")
        self.set("A", "two")
        self.assertEqual(self.get("A", direct=True), "two")
        self.must("compact", "--keep", "none")
        self.set("B", "three", direct=True)
        self.assertEqual(self.get("B"), "three")
        children = [self.box.start("set", "team", f"N{n}", "--value", "v") for n in range(6)]
        children += [self.box.start("compact")]
        for child in children:
            self.assertEqual(child.wait(60), 0, child.communicate())
        self.assertEqual(len(self.must("list")[0].split()), 8)
        self.must("purge", "--yes", "team", "N0", "--all")
        self.assertEqual(self.leftovers(), [])

        # Copies.
        backup, copy = self.directory + "/backup", self.box.root + "/copy"
        self.must("backup", backup)
        self.must("backup", backup)
        self.must("backup", "--verify", backup)
        shutil.copyfile(backup, copy)
        self.set("C", "here")
        self.must("set", "team", "D", "--vault", copy, input=b"there", direct=True)
        self.must("merge", copy)
        self.assertEqual((self.get("C"), self.get("D")), ("here", "there"))
        with open(self.box.vault, "rb") as file:
            present = file.read()
        kept = self.must("restore", "--yes", backup)[1]
        self.assertEqual(self.box.run("get", "team", "C")[0], 9)
        kept = [name for name in os.listdir(self.directory) if name.startswith("v.vault.before-restore-")]
        self.assertEqual(len(kept), 1)
        with open(os.path.join(self.directory, kept[0]), "rb") as file:
            self.assertEqual(file.read(), present)

        # Plaintext, new and over an older one; somebody's file is not touched.
        out = self.directory + "/out.json"
        for _ in range(2):
            said = self.must("export", "--format", "json", "-o", out)[1]
            self.assertEqual("does not support the mode 0600" in said, not keeps_modes, said)
            with open(out, "rb") as file:
                self.assertIn(b'"A": "two"', file.read())

        # New keys, which the agent is handed.
        with open(self.box.root + "/new", "wb", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write(b"another passphrase")
        said = self.must("passwd", *CHEAP, "--new-passphrase-file", self.box.root + "/new", direct=True)[1]
        self.assertIn("the old keys still open " + backup, said)
        self.box.passphrase = self.box.root + "/new"
        self.assertEqual((self.get("A"), self.get("A", direct=True)), ("two", "two"))
        saved = self.directory + "/saved"
        self.must("salvage", self.box.vault, saved, direct=True)
        self.refused(1, "exists already and was not touched", "salvage", self.box.vault, saved,
                     "--passphrase-file", self.box.passphrase)
        self.assertEqual(self.get("A", direct=True), "two")
        self.must("lock", "--all")
        self.must("check", direct=True)
        self.assertEqual(self.leftovers(), [])
        return mount

    def test_ext4_which_lacks_nothing(self):
        self.live(Ext4, keeps_modes=True)

    def test_fat(self):
        self.live(FAT, keeps_modes=False)

    def test_exfat_in_user_space(self):
        self.live(ExFAT, keeps_modes=False)

    def test_exfat_in_the_kernel(self):
        self.live(KernelExFAT, keeps_modes=False)

    def test_an_overlay(self):
        self.live(Overlay, keeps_modes=True)

    def test_links_without_an_exclusive_rename(self):
        self.live(Bound, keeps_modes=True)

    def test_rclone(self):
        mount = self.live(RClone, keeps_modes=False)
        # What lies behind the mount gets them, too, and not the empty files that held the names.
        written = contents(mount.point)
        mount.upload()
        deadline = time.monotonic() + 20
        while contents(mount.source) != written and time.monotonic() < deadline:
            time.sleep(0.1)
        self.assertEqual(contents(mount.source), written)

    def test_modes_that_the_mount_sets_are_enough(self):
        self.mounted(PrivateExFAT)
        self.assertNotIn("warning: other users", self.init())
        # An agent needs a socket, and there is none.
        with_socket = self.box.environment
        errors = self.box.run("unlock", "--passphrase-file", self.box.passphrase,
                              environment={**with_socket, "XDG_RUNTIME_DIR": self.directory})[2]
        self.assertIn(f"cannot create a socket in {self.directory}/vault", errors)
        self.assertIn("set XDG_RUNTIME_DIR to a directory of yours on another file system", errors)

    def test_a_vault_below_an_overlay_is_copied_up_under_the_agent(self):
        mount = self.mounted(Overlay)
        vaultfile.create(mount.lower + "/v.vault", PASSPHRASE, memory_kib=8192, passes=1)
        self.must("unlock", direct=True)
        self.must("list")
        self.set("A", "one", direct=True)
        self.assertEqual(self.get("A"), "one")
        self.set("A", "two")
        self.assertEqual(self.get("A", direct=True), "two")
        self.must("compact")
        self.assertEqual(self.get("A"), "two")

    def test_rewrites_keep_what_the_file_system_keeps(self):
        self.mounted(Ext4)
        self.init()
        os.setxattr(self.box.vault, "user.remark", b"mine")
        os.chmod(self.box.vault, 0o640)
        os.chown(self.box.vault, 1234, 4321)
        self.must("compact", direct=True)
        status = os.stat(self.box.vault)
        self.assertEqual((status.st_mode & 0o7777, status.st_uid, status.st_gid), (0o640, 1234, 4321))
        self.assertEqual(os.getxattr(self.box.vault, "user.remark"), b"mine")


if __name__ == "__main__":
    unittest.main()
