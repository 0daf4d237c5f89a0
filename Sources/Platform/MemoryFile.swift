internal import CPlatform
internal import Glibc

/// A file that lies in memory alone and has no name on any disk; programs that this process starts inherit it.
public struct MemoryFile: ~Copyable {
    private let descriptor: Descriptor

    /// Makes an empty one, which its owner alone can open.
    public init() throws(Errno) {
        let made = Descriptor(adopting: try retrying { platform_memory_file() })
        _ = try retrying { fchmod(made.number, 0o600) }
        descriptor = made
    }

    /// Where a program that inherited it finds it.
    public var path: String { "/proc/self/fd/\(descriptor.number)" }

    /// Where it is found by others of this user, as long as this process, or what it becomes, runs.
    public var pathForOthers: String { "/proc/\(CurrentProcess.identifier)/fd/\(descriptor.number)" }

    /// Writes all of `bytes` at its front.
    public borrowing func write(_ bytes: Span<UInt8>) throws(Errno) {
        try descriptor.writeAll(bytes)
        _ = try retrying { Int(lseek(descriptor.number, 0, SEEK_SET)) }
    }

    /// Reads once from where reading or writing ended, at most `buffer.count` bytes.
    ///
    /// - Returns: how many bytes came; 0 at the end.
    public borrowing func read(into buffer: inout MutableSpan<UInt8>) throws(Errno) -> Int {
        try descriptor.read(into: &buffer)
    }

    /// Reads again from the front.
    public borrowing func rewind() throws(Errno) {
        _ = try retrying { Int(lseek(descriptor.number, 0, SEEK_SET)) }
    }

    /// Overwrites the content with zeros, as far as it goes.
    public borrowing func wipe() {
        guard let count = try? descriptor.status().st_size else { return }
        let zeros = [UInt8](repeating: 0, count: 64 * 1024)
        guard (try? rewind()) != nil else { return }
        var done = 0
        while done < Int(count) {
            let piece = min(zeros.count, Int(count) - done)
            guard (try? descriptor.writeAll(zeros.span.extracting(first: piece))) != nil else { return }
            done += piece
        }
    }

    /// Forbids every change for good, by anybody, and leaves it open for the program that this process becomes.
    public consuming func seal() throws(Errno) {
        _ = try retrying { fchmod(descriptor.number, 0o400) }
        _ = try retrying { platform_seal(descriptor.number) }
        _ = descriptor.release()
    }
}
