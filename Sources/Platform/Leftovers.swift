/// Temporary files beside their destination. Whoever writes one holds its lock.
extension Storage {
    /// Creates a temporary file, mode 0600, and locks it if the file system has locks.
    public func createLocked(_ path: String) throws(Errno) -> any StorageFile {
        while true {
            let file = try create(path)
            guard (try? file.tryLock(.exclusive)) == true else { return file }
            // Before it was locked, another process may have removed it as a leftover.
            do throws(Errno) {
                if try identity(of: path) == file.identity() { return file }
            } catch .noSuchFile {
                continue
            } catch {
                try? remove(path)
                throw error
            }
        }
    }

    /// Removes the temporary files in `directory` that killed processes left, which are not locked.
    ///
    /// - Parameter isTemporary: returns true for the name of a temporary file.
    public func removeLeftovers(in directory: String, where isTemporary: (String) -> Bool) {
        for name in (try? names(in: directory)) ?? [] where isTemporary(name) {
            let path = Path.join(directory, name)
            guard let file = try? open(path, .writing), (try? file.tryLock(.exclusive)) == true else {
                continue
            }
            try? remove(path)
        }
    }
}
