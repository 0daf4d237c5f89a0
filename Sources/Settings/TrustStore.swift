package import Platform
internal import Sodium
internal import VaultFile
internal import VaultCore
package import UserMessages

/// The `.vault.toml` files that this user trusts: for each path, the hash of the content that the user saw.
///
/// Each path has a file of its own, in the format of `b2sum -l 256 --check`, in a private directory. A rename puts the file in place, so
/// of two processes the later one wins.
package struct TrustStore {
    package let directory: String

    /// The relation of a content to the one that is trusted at its path.
    package enum Verdict {
        case trusted
        /// No content is trusted at the path.
        case new
        /// Another content is trusted at the path.
        case changed
    }

    /// The maximum size of a file: a hash and a path.
    private static let maxSize = 8192

    /// The store of this user; nil if there is no directory for it.
    package static var user: TrustStore? {
        Locations.stateDirectory.map { TrustStore(directory: Path.join($0, "trusted")) }
    }

    /// The store of this user; throws if there is no directory for it.
    package static func required() throws(Failure) -> TrustStore {
        guard let store = user else {
            throw Failure(
                .other, "there is no directory in which to record trusted files",
                hint: "set HOME or XDG_STATE_HOME"
            )
        }
        return store
    }

    /// Compares `content` with the one that is trusted at a canonical path.
    ///
    /// - Throws: if the store cannot be read, or others can write to its directory.
    package func verdict(on content: Span<UInt8>, at path: String) throws(Errno) -> Verdict {
        do throws(Errno) {
            try PrivateDirectory.check(directory)
            let file = try InputFile(try name(for: path), onlyRegular: true)
            let bytes = try file.readAll(limit: Self.maxSize)
            return try bytes == record(of: content, at: path) ? .trusted : .changed
        } catch .noSuchFile, .notDirectory {
            return .new
        }
    }

    /// Trusts `content` at a canonical path, in place of any other content.
    package func trust(_ content: Span<UInt8>, at path: String) throws(Errno) {
        try PrivateDirectory.prepare(directory)
        let storage = DiskStorage()
        let (name, record) = (try name(for: path), try record(of: content, at: path))
        // A file of this name is from a process that had this number before and has ended.
        let temporary = "\(name).\(CurrentProcess.identifier).tmp"
        try? storage.remove(temporary)
        let file = try storage.create(temporary)
        do throws(Errno) {
            try file.write(record.span, at: 0)
            try file.sync()
            try storage.rename(temporary, to: name)
        } catch {
            try? storage.remove(temporary)
            throw error
        }
    }

    /// Stops trusting any content at a canonical path; false if none was trusted.
    package func revoke(_ path: String) throws(Errno) -> Bool {
        let storage = DiskStorage()
        do throws(Errno) {
            try storage.remove(try name(for: path))
        } catch .noSuchFile, .notDirectory {
            return false
        }
        // Otherwise a crash could bring the file back.
        try storage.syncDirectory(directory)
        return true
    }

    private func name(for path: String) throws(Errno) -> String {
        Path.join(directory, try TrustStore.hash(Array(path.utf8).span))
    }

    private func record(of content: Span<UInt8>, at path: String) throws(Errno) -> [UInt8] {
        Array("\(try TrustStore.hash(content))  \(path)\n".utf8)
    }

    /// The BLAKE2b-256 hash in hexadecimal digits.
    private static func hash(_ bytes: Span<UInt8>) throws(Errno) -> String {
        do throws(SodiumError) {
            return try BLAKE2b.hash(bytes).hexadecimal
        } catch {
            throw .noMemory
        }
    }
}
