internal import Compaction
internal import Platform
internal import UserMessages

/// The checks of the files in the vault's directory.
extension Diagnosis {
    /// The parts of a name by which programs that synchronise files mark the copy that lost: Syncthing, Dropbox and Nextcloud, others.
    private static let conflictMarks = [".sync-conflict-", "conflicted copy", "(conflict", "-conflict-"]

    func conflictedCopies() -> [Finding] {
        let name = Path.name(of: real)
        let stem = name.hasSuffix(".vault") ? String(name.dropLast(".vault".count)) : name
        let copies = names.filter { other in
            other.hasPrefix(stem) && other != name
                && Diagnosis.conflictMarks.contains { other.contains(bytesOf: $0) }
        }
        return copies.map { copy in
            let copy = Hint.quoted(path: Path.join(Path.directory(of: real), copy))
            return Finding(
                "copies", isUrgent: true, "a conflicted copy lies beside the vault: \(copy)",
                remedy: "'vault merge \(copy)'")
        }
    }

    func leftovers() -> [Finding] {
        let name = Path.name(of: real)
        return names.compactMap { other in
            let path = Path.join(Path.directory(of: real), other)
            let remedy: Hint = "rm -- \(Hint.quoted(path: path))"
            if Compaction.isLeftover(other, of: real) {
                return Finding(
                    "leftovers", "a temporary file of a command that was killed, if none is running: \(path)",
                    remedy: remedy)
            }
            if other.hasPrefix("\(name).before-restore-") {
                let message =
                    "a restore kept the file of before; remove it once it has nothing that you need: \(path)"
                return Finding("leftovers", message, remedy: "'vault diff \(Hint.quoted(path: path))'")
            }
            return nil
        }
    }

    private var names: [String] {
        ((try? DiskStorage().names(in: Path.directory(of: real))) ?? []).sorted()
    }
}

extension String {
    /// Returns true if the bytes of `part` are among the bytes of this string; `vault status` has no time for more.
    fileprivate func contains(bytesOf part: String) -> Bool {
        utf8.indices.contains { utf8[$0...].starts(with: part.utf8) }
    }
}
