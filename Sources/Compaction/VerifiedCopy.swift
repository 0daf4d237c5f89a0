public import Platform
public import VaultFile

/// A copy of a vault's file, byte for byte, that is removed unless it is published.
public final class VerifiedCopy {
    private let new: NewFile
    private let target: String
    /// The number of bytes that were written, and their checksum.
    private let count: UInt64
    private let sum: UInt32

    static let purpose = "copy"

    /// Writes the first `count` bytes of `source` to a new file beside `target`.
    public init(
        of source: any StorageFile, count: UInt64, for target: String, _ dependencies: Dependencies,
        progress: ProgressHandler = .unwatched
    ) throws(VaultFileError) {
        self.target = target
        self.count = count
        new = try NewFile(for: target, purpose: VerifiedCopy.purpose, dependencies)
        let file = new.file
        var sum = CRC32C()
        try VerifiedCopy.forEachPiece(of: source, count: count) { piece, offset throws(VaultFileError) in
            sum.update(piece)
            try during(.rewrite, file.write(piece, at: offset))
            try progress.say(offset, of: count)
        }
        self.sum = sum.value
    }

    /// Returns whether the copy reads back as it was written.
    public func isAsWritten() throws(VaultFileError) -> Bool {
        var sum = CRC32C()
        do throws(VaultFileError) {
            try VerifiedCopy.forEachPiece(of: new.file, count: count) { piece, _ in sum.update(piece) }
        } catch .changedWhileRead {
            return false
        }
        return sum.value == self.sum
    }

    /// Calls `body` with the first `count` bytes of `source` in pieces, and with the offset of each.
    ///
    /// - Throws: ``VaultFileError/changedWhileRead`` if there are fewer.
    public static func forEachPiece(
        of source: any StorageFile, count: UInt64,
        _ body: (Span<UInt8>, UInt64) throws(VaultFileError) -> Void
    ) throws(VaultFileError) {
        var piece = [UInt8](repeating: 0, count: 1 << 18)
        var done: UInt64 = 0
        while done < count {
            var span = piece.mutableSpan
            let read = try during(.read, source.read(at: done, into: &span))
            guard read > 0 else { throw .changedWhileRead }
            let part = min(read, Int(clamping: count - done))
            try body(piece.span.extracting(first: part), done)
            done += UInt64(part)
        }
    }

    /// Gives the copy the mode, the owner and the extended attributes of `other`.
    public func adoptAttributes(of other: any StorageFile) throws(VaultFileError) {
        let file = new.file
        try during(.attributes, file.adoptAttributes(of: other))
    }

    /// Releases the lock that was held on the copy since it was created.
    public func unlock() { new.file.unlock() }

    /// The temporary path of the copy.
    public var path: String { new.path }

    /// Publishes the copy at the target, and replaces the file there.
    public func replace() throws(VaultFileError) {
        let target = target
        try new.publish(at: target) { storage, path throws(Errno) in try storage.rename(path, to: target) }
    }

    /// Publishes the copy at the target.
    ///
    /// - Throws: ``VaultFileError/alreadyExists`` if there is a file at the target.
    public func place() throws(VaultFileError) {
        let target = target
        try new.publish(at: target) { storage, path throws(Errno) in
            try storage.renameWithoutReplacing(path, to: target)
        }
    }

    /// Publishes the copy at the target, and moves the file there to `kept`, in one step.
    ///
    /// - Throws: ``VaultFileError/alreadyExists`` if there is a file at `kept`.
    public func replace(keeping kept: String) throws(VaultFileError) {
        let target = target
        try new.publish(at: target) { storage, path throws(Errno) in
            try storage.renameWithoutReplacing(path, to: kept)
            do throws(Errno) {
                try storage.exchange(kept, target)
            } catch {
                guard error.isLackOfCall else {
                    try? storage.remove(kept)
                    throw error
                }
                try VerifiedCopy.exchangeInSteps(kept, target, through: path, storage)
            }
        }
    }

    /// Exchanges the two on a file system that lacks the call; for a moment, there is no file at `target`.
    private static func exchangeInSteps(
        _ kept: String, _ target: String, through path: String, _ storage: any Storage
    ) throws(Errno) {
        do throws(Errno) {
            try storage.rename(kept, to: path)
        } catch {
            try? storage.remove(kept)
            throw error
        }
        try storage.renameWithoutReplacing(target, to: kept)
        do throws(Errno) {
            try storage.rename(path, to: target)
        } catch {
            try? storage.renameWithoutReplacing(kept, to: target)
            throw error
        }
    }
}
