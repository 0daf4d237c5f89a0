internal import CPlatform
internal import Glibc

/// Renames a file without replacing another: `renameat2(RENAME_NOREPLACE)`, with two fallbacks.
///
/// FAT, exFAT, NFS, SMB and most user-space file systems (FUSE) do not support this rename; FAT, exFAT and
/// rclone do not support hard links either. Each fallback refuses a name that is taken; none replaces a file
/// silently.
struct ExclusiveRename: Sendable {
    /// A call that takes the old and the new name of a file.
    typealias Call = @Sendable (String, String) throws(Errno) -> Void

    /// The first two calls to try, in this order; replaceable for tests.
    let renaming, linking: Call

    /// The system's calls.
    static let system = ExclusiveRename(
        renaming: { from, to throws(Errno) in
            _ = try retrying { unsafe platform_rename_without_replacing(from, to) }
        },
        linking: { from, to throws(Errno) in _ = try retrying { unsafe link(from, to) } })

    /// Renames a file of `storage`.
    ///
    /// - Throws: ``Errno/fileExists`` if something has the name `to`.
    func callAsFunction(_ from: String, to: String, in storage: some Storage) throws(Errno) {
        do throws(Errno) {
            return try renaming(from, to)
        } catch {
            guard error.isLackOfCall else { throw error }
        }
        do throws(Errno) {
            try linking(from, to)
        } catch {
            guard error.isLackOfLinks else { throw error }
            return try storage.renameOverPlaceholder(from, to: to)
        }
        do throws(Errno) {
            try storage.remove(from)
        } catch {
            // The new name is not in use yet.
            try? storage.remove(to)
            throw error
        }
    }
}

extension Storage {
    /// Renames a file without replacing another, where only creating a file refuses a name that is taken.
    ///
    /// An empty placeholder takes the name first and is then replaced. If the process is killed in between,
    /// the placeholder stays. Since it is empty, later commands can tell it from a vault and name the command
    /// that removes it. They do not remove it by themselves, because it may be an empty file that a user
    /// created.
    ///
    /// - Throws: ``Errno/fileExists`` if `to` exists, or if another process wrote to the placeholder
    ///   meanwhile.
    public func renameOverPlaceholder(_ from: String, to: String) throws(Errno) {
        // Closed at once: some drivers write an open file back to the name that it was opened by, whatever is
        // there by then.
        _ = try create(to)
        do throws(Errno) {
            guard try isEmpty(to) else { throw .fileExists }
            try rename(from, to: to)
        } catch {
            // If it is no longer empty, it is another process's file, or the renamed file itself.
            if (try? isEmpty(to)) == true { try? remove(to) }
            throw error
        }
    }

    private func isEmpty(_ path: String) throws(Errno) -> Bool { try open(path, .reading).length() == 0 }
}
