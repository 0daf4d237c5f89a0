internal import Platform

/// The right to derive a key, which one process of a user has at a time.
///
/// A derivation takes hundreds of mebibytes; two hundred scripts that start together must not take them all
/// at once.
struct KDFLock {
    private let file: (any StorageFile)?

    /// How long to wait, in milliseconds.
    private static let patience: UInt64 = 60_000

    /// Waits for a turn; nil if the wait was too long.
    ///
    /// Where no lock file can be made, there is no queue.
    init?() {
        guard let file = KDFLock.lockFile() else {
            self.file = nil
            return
        }
        var patience = Backoff(milliseconds: KDFLock.patience)
        while true {
            guard let taken = try? file.tryLock(.exclusive) else { break }
            if taken { break }
            guard patience.wait() else { return nil }
        }
        self.file = file
    }

    /// Lets the next process go on.
    func end() { file?.unlock() }

    private static func lockFile() -> (any StorageFile)? {
        guard let directory = Locations.runtimeDirectory, (try? PrivateDirectory.prepare(directory)) != nil
        else {
            return nil
        }
        return try? PrivateDirectory.openFile(Path.join(directory, "derivation.lock"))
    }
}
