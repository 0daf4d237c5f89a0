package import Platform

extension StorageFile {
    /// Returns the length of the file in bytes.
    ///
    /// - Throws: ``VaultFileError/io(_:_:)``.
    package func currentLength() throws(VaultFileError) -> UInt64 {
        try during(.read, length())
    }

    /// Reads `count` bytes from `offset` on, or fewer if the file ends before.
    ///
    /// - Throws: ``VaultFileError/io(_:_:)``.
    package func bytes(at offset: UInt64, count: Int) throws(VaultFileError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var span = bytes.mutableSpan
        let read = try during(.read, self.read(at: offset, into: &span))
        bytes.removeLast(count - read)
        return bytes
    }
}

extension Storage {
    /// Opens the vault file at `path`.
    ///
    /// - Throws: ``VaultFileError/noFile``, ``VaultFileError/notAVault(_:)``, ``VaultFileError/io(_:_:)``.
    package func openVault(_ path: String, _ access: StorageAccess) throws(VaultFileError) -> any StorageFile
    {
        do throws(Errno) {
            return try open(path, access)
        } catch {
            throw VaultFileError(opening: error)
        }
    }
}
