internal import Platform
internal import Sodium
internal import VaultFile
internal import VaultKit
internal import UserMessages

/// The `.vault.toml` files that this user trusts: for each path, the hash of the content that was shown.
///
/// There is a file for each path, which `b2sum -l 256 --check` understands, in a directory that nobody else may look into. A file is put
/// in place in one step, so that of two processes the later one counts.
struct TrustStore {
    let directory: String

    /// How a content stands to the one that was trusted at its path.
    enum Verdict {
        /// It is that one.
        case trusted
        /// None was.
        case new
        /// Another one was.
        case changed
    }

    /// The longest file that is read back: a hash and a path.
    private static let maxSize = 8192

    /// The store of this user; nil if there is nowhere to put it.
    static var user: TrustStore? {
        Locations.stateDirectory.map { TrustStore(directory: Path.join($0, "trusted")) }
    }

    /// The store of this user, without which nothing can be trusted.
    static func required() throws(Failure) -> TrustStore {
        guard let store = user else {
            throw Failure(
                .other, "there is no directory to keep what is trusted in", hint: "set HOME or XDG_STATE_HOME"
            )
        }
        return store
    }

    /// How `content` stands to what was trusted at a canonical path.
    ///
    /// - Throws: if that cannot be told, also because others may have written into the directory.
    func verdict(on content: Span<UInt8>, at path: String) throws(Errno) -> Verdict {
        let bytes: [UInt8]?
        do throws(Errno) {
            try PrivateDirectory.check(directory)
            let file = try InputFile(try name(for: path), onlyRegular: true)
            bytes = try file.readAll(limit: Self.maxSize)
        } catch .noSuchFile, .notDirectory {
            return .new
        } catch {
            throw error
        }
        return try bytes == record(of: content, at: path) ? .trusted : .changed
    }

    /// Trusts `content` at a canonical path from now on, and nothing else there.
    func trust(_ content: Span<UInt8>, at path: String) throws(Errno) {
        try PrivateDirectory.prepare(directory)
        let storage = DiskStorage()
        let (name, record) = (try name(for: path), try record(of: content, at: path))
        // Whoever had this number before is not there any more.
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

    /// Trusts nothing at a canonical path any more.
    ///
    /// - Returns: false if nothing was trusted there.
    func revoke(_ path: String) throws(Errno) -> Bool {
        let storage = DiskStorage()
        do throws(Errno) {
            try storage.remove(try name(for: path))
        } catch .noSuchFile, .notDirectory {
            return false
        } catch {
            throw error
        }
        // A crash must not bring it back.
        try storage.syncDirectory(directory)
        return true
    }

    private func name(for path: String) throws(Errno) -> String {
        Path.join(directory, try TrustStore.hash(Array(path.utf8).span))
    }

    private func record(of content: Span<UInt8>, at path: String) throws(Errno) -> [UInt8] {
        let hash = try TrustStore.hash(content)
        return Array("\(hash)  \(path)\n".utf8)
    }

    /// BLAKE2b-256 in hexadecimal digits.
    private static func hash(_ bytes: Span<UInt8>) throws(Errno) -> String {
        do throws(SodiumError) {
            return try BLAKE2b.hash(bytes).hexadecimal
        } catch {
            throw .noMemory
        }
    }
}
