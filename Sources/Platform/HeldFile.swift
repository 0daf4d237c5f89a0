internal import CPlatform
internal import Glibc

/// A file that is held open to say which one is meant, neither to read nor to write it.
///
/// As long as two processes hold files, device and number tell whether they hold the same one, whatever paths mean to either.
public final class HeldFile: Sendable {
    let descriptor: Descriptor

    init(adopting descriptor: consuming Descriptor) { self.descriptor = descriptor }

    /// Holds what lies at `path` or, where nothing does, the directory in which it would.
    ///
    /// - Throws: ``Errno/noSuchFile`` if there is no such directory either.
    public convenience init(at path: String) throws(Errno) {
        do throws(Errno) {
            self.init(adopting: try HeldFile.open(path))
        } catch .noSuchFile {
            self.init(adopting: try HeldFile.open(Path.directory(of: path)))
        } catch {
            throw error
        }
    }

    private static func open(_ path: String) throws(Errno) -> Descriptor {
        Descriptor(adopting: try retrying { unsafe platform_open_path_itself(path) })
    }

    /// Which file it is, while it is held.
    public var identity: FileIdentity {
        get throws(Errno) {
            let status = try descriptor.status()
            return FileIdentity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
        }
    }

    /// Which file it is as far as this machine knows; never waits for a server or a driver.
    public var knownIdentity: FileIdentity? {
        var (device, inode): (UInt64, UInt64) = (0, 0)
        guard unsafe platform_known_identity(descriptor.number, &device, &inode) == 0 else { return nil }
        return FileIdentity(device: device, inode: inode)
    }

    /// Whether it is what ``init(at:)`` finds at `path` in this process.
    ///
    /// It may wait for what is at `path`, never for this file, which another process may have sent.
    public func isFound(at path: String) -> Bool {
        guard let found = try? HeldFile(at: path), let own = found.knownIdentity else { return false }
        return knownIdentity == own
    }
}
