internal import CPlatform
internal import Glibc

/// Gives a file a name that nothing has: `renameat2(RENAME_NOREPLACE)`, and what stands in for it where a file system lacks that.
///
/// FAT, exFAT and most drivers in user space (FUSE), NFS and SMB among them, know no such rename; FAT, exFAT and rclone no hard
/// links either. Each way refuses a name that is taken, and none ever replaces a file silently.
struct ExclusiveRename: Sendable {
    /// A call that takes the name that a file has and the one that it gets.
    typealias Call = @Sendable (String, String) throws(Errno) -> Void

    /// The first two ways, in the order in which they are tried; a test puts others in their place.
    let renaming, linking: Call

    /// The system's own.
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
            // Like the rename, it refuses a name that is taken.
            try linking(from, to)
        } catch {
            guard error.isLackOfLinks else { throw error }
            return try storage.renameOverPlaceholder(from, to: to)
        }
        do throws(Errno) {
            try storage.remove(from)
        } catch {
            // Nobody was told of the new name yet.
            try? storage.remove(to)
            throw error
        }
    }
}

extension Storage {
    /// Renames a file to a name that nothing has, where nothing but making a file refuses a name that is taken.
    ///
    /// An empty file takes the name and is replaced. A process that is killed in between leaves it, and that is why it is empty: it can
    /// be told from a vault and from all that was ever meant to be kept, and whoever meets it can say so and name what removes it.
    /// It is not removed without being asked, since an empty file that somebody made on purpose looks the same.
    ///
    /// - Throws: ``Errno/fileExists`` if something has the name `to`, or if somebody wrote to the empty file meanwhile.
    public func renameOverPlaceholder(_ from: String, to: String) throws(Errno) {
        // Closed at once: some drivers write what a descriptor holds to the name that it was opened by, whoever has that by then.
        _ = try create(to)
        do throws(Errno) {
            guard try isEmpty(to) else { throw .fileExists }
            try rename(from, to: to)
        } catch {
            // What is no longer empty is somebody else's, or the file itself.
            if (try? isEmpty(to)) == true { try? remove(to) }
            throw error
        }
    }

    private func isEmpty(_ path: String) throws(Errno) -> Bool { try open(path, .reading).length() == 0 }
}
