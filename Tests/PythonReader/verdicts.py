"""The outcomes of reading a file that is not an open vault: vault-format.md, sections 2 to 7."""


class VaultError(Exception):
    """A verdict other than "whole" and "unfinished tail".  Each subclass is named by its docstring."""

    @property
    def verdict(self):
        return self.__doc__

    def __str__(self):
        return ": ".join(filter(None, (self.verdict, super().__str__())))


# fmt: off
class NotAVault(VaultError): "not a vault"
class IncompleteCopy(VaultError): "incomplete copy"
class Unsupported(VaultError): "unsupported"
class HeaderDamaged(VaultError): "header damaged"
class KdfRefused(VaultError): "refused"
class WrongPassphrase(VaultError): "wrong passphrase"
class HeaderTampered(VaultError): "tampered with"
class Mistyped(VaultError): "mistyped recovery key"
class NoRecoveryKey(VaultError): "no recovery key"
class InvalidPassphrase(VaultError): "invalid passphrase"
class ReadOnly(VaultError): "read only"
class Exhausted(VaultError): "exhausted"
# fmt: on


class Damage(VaultError):
    "damage"

    def __init__(self, offset, why=""):
        super().__init__(why)
        self.offset = offset

    @property
    def verdict(self):
        return "damage at %d" % self.offset
