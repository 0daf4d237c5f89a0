/// Files that are written beside the place that they shall have; whoever writes one holds its lock.
extension Storage {
    /// Creates such a file, mode 0600, and locks it, where there are locks.
    public func createLocked(_ path: String) throws(Errno) -> any StorageFile {
        while true {
            let file = try create(path)
            guard (try? file.tryLock(.exclusive)) == true else { return file }
            // Before it was locked, it could be taken for what a killed process left.
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

    /// Removes what killed processes left in `directory`; a file that is locked has an owner.
    ///
    /// - Parameter isOne: whether a name is that of such a file.
    public func removeLeftovers(in directory: String, where isOne: (String) -> Bool) {
        for name in (try? names(in: directory)) ?? [] where isOne(name) {
            let path = Path.join(directory, name)
            guard let file = try? open(path, .writing), (try? file.tryLock(.exclusive)) == true else {
                continue
            }
            try? remove(path)
        }
    }
}
