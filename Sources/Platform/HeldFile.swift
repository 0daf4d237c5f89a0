internal import CPlatform
internal import Glibc

/// A file that is held open to identify it, neither to read nor to write it.
///
/// While two processes hold files open, the device and the inode tell whether both hold the same one, however
/// each of them resolves paths.
public final class HeldFile: Sendable {
    let descriptor: Descriptor

    init(adopting descriptor: consuming Descriptor) { self.descriptor = descriptor }

    /// Holds the file at `path`, a symbolic link itself, or the directory for it if there is no such file.
    ///
    /// - Throws: ``Errno/noSuchFile`` if there is no such directory either.
    public convenience init(at path: String) throws(Errno) {
        do throws(Errno) {
            self.init(adopting: try HeldFile.open(path))
        } catch .noSuchFile {
            self.init(adopting: try HeldFile.open(Path.directory(of: path)))
        }
    }

    private static func open(_ path: String) throws(Errno) -> Descriptor {
        try Descriptor(path: path, flags: platform_path_only | O_NOFOLLOW)
    }

    /// The identity of the file, valid while it is held.
    public var identity: FileIdentity {
        get throws(Errno) { FileIdentity(try descriptor.status()) }
    }

    /// The identity as far as this kernel has cached it; never waits for a server or a driver.
    public var knownIdentity: FileIdentity? {
        var (device, inode): (UInt64, UInt64) = (0, 0)
        guard unsafe platform_known_identity(descriptor.number, &device, &inode) == 0 else { return nil }
        return FileIdentity(device: device, inode: inode)
    }

    /// Returns true if ``init(at:)`` finds the same file at `path` in this process.
    ///
    /// It may wait for the file at `path`, never for this one, which another process may have sent.
    public func isFound(at path: String) -> Bool {
        guard let found = try? HeldFile(at: path), let own = found.knownIdentity else { return false }
        return knownIdentity == own
    }
}
