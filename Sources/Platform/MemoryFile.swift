internal import CPlatform
internal import Glibc

/// An unnamed file in memory, which programs started by this process inherit.
public struct MemoryFile: ~Copyable {
    private let descriptor: Descriptor

    /// Creates an empty file, mode 0600.
    public init() throws(Errno) {
        let made = Descriptor(adopting: try retrying { platform_memory_file() })
        _ = try retrying { fchmod(made.number, 0o600) }
        descriptor = made
    }

    var number: Int32 { descriptor.number }

    /// The path by which a program that inherited it can open it.
    public var path: String { "/proc/self/fd/\(descriptor.number)" }

    /// The path by which other processes of this user can open it, while this process runs or the program
    /// that replaces it.
    public var pathForOthers: String { "/proc/\(CurrentProcess.identifier)/fd/\(descriptor.number)" }

    /// Writes all of `bytes` and rewinds.
    public borrowing func write(_ bytes: Span<UInt8>) throws(Errno) {
        try descriptor.writeAll(bytes)
        try rewind()
    }

    /// Reads once from the present position, at most `buffer.count` bytes.
    ///
    /// - Returns: the number of bytes read; 0 at the end.
    public borrowing func read(into buffer: inout MutableSpan<UInt8>) throws(Errno) -> Int {
        try descriptor.read(into: &buffer)
    }

    /// Moves the position to the start.
    public borrowing func rewind() throws(Errno) {
        _ = try retrying { Int(lseek(descriptor.number, 0, SEEK_SET)) }
    }

    /// Overwrites the content with zeros, as far as the system lets it.
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

    /// Makes the content immutable and leaves the file open for the program that replaces this process.
    public consuming func seal() throws(Errno) {
        _ = try retrying { fchmod(descriptor.number, 0o400) }
        _ = try retrying { platform_seal(descriptor.number) }
        _ = descriptor.release()
    }
}
