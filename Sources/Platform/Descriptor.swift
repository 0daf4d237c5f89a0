internal import CPlatform
internal import Glibc

/// An open file descriptor, closed when the value goes away.
public struct Descriptor: ~Copyable, Sendable {
    /// Where a descriptor comes from, which tells how long closing it can take.
    enum Origin {
        /// Opened by this process: no longer than anything else that it does with the file.
        case own
        /// A connection, over which somebody may have sent descriptors that were not received.
        case accepted
        /// Sent by another process, for as long as that pleases.
        case received
    }

    let number: Int32
    private let origin: Origin

    /// Takes over a descriptor that is already open.
    public init(adopting number: Int32) { self.init(adopting: number, .own) }

    init(adopting number: Int32, _ origin: Origin) {
        self.number = number
        self.origin = origin
    }

    /// Opens `path` with the flags of `open(2)`; close-on-exec is always set.
    init(path: String, flags: Int32, mode: mode_t = 0) throws(Errno) {
        number = try retrying { unsafe open(path, flags | O_CLOEXEC | O_NOCTTY, mode) }
        origin = .own
    }

    deinit {
        switch origin {
        case .own: close(number)
        // What was sent and not received goes with bytes, of which there are none any more.
        case .accepted where platform_socket_is_empty(number) != 0: close(number)
        // Nothing happens to a file that is neither read nor written.
        case .received where platform_is_path(number) != 0: close(number)
        case .accepted, .received: DescriptorDisposal.close(number)
        }
    }

    /// Gives up ownership: the descriptor stays open.
    public consuming func release() -> Int32 {
        let number = number
        discard self
        return number
    }

    /// Reads once, at most `buffer.count` bytes.
    ///
    /// - Returns: how many bytes came; 0 at the end.
    public borrowing func read(into buffer: inout MutableSpan<UInt8>) throws(Errno) -> Int {
        let number = number
        return unsafe try buffer.withPointer { pointer, count throws(Errno) in
            try retrying { unsafe Glibc.read(number, pointer, count) }
        }
    }

    /// Writes all of `bytes`, however many calls it takes.
    public borrowing func writeAll(_ bytes: Span<UInt8>) throws(Errno) {
        let number = number
        unsafe try bytes.withPointer { pointer, count throws(Errno) in
            var done = 0
            while done < count {
                done += try retrying { unsafe Glibc.write(number, pointer + done, count - done) }
            }
        }
    }

    /// Whether it is a terminal.
    public var isTerminal: Bool { isatty(number) == 1 }

    borrowing func status() throws(Errno) -> stat {
        var result = stat()
        _ = try retrying { unsafe fstat(number, &result) }
        return result
    }
}

/// The descriptors that every process starts with, and others that were handed down.
///
/// They are borrowed, never closed.
public struct InheritedDescriptor: Sendable {
    let number: Int32

    /// Standard input.
    public static let standardInput = InheritedDescriptor(number: 0)
    /// Standard output.
    public static let standardOutput = InheritedDescriptor(number: 1)
    /// Standard error.
    public static let standardError = InheritedDescriptor(number: 2)

    /// A descriptor that the parent process left open under `number`.
    public init(number: Int32) { self.number = number }

    /// Whether it is a terminal.
    public var isTerminal: Bool { isatty(number) == 1 }

    /// Whether it is open at all.
    public var isOpen: Bool { fcntl(number, F_GETFD) != -1 }

    /// Closes it for the program that this process becomes, and for others that it starts.
    public func keepFromOthers() { _ = fcntl(number, F_SETFD, FD_CLOEXEC) }

    /// Reads once, at most `buffer.count` bytes, and waits for them though the parent said not to.
    ///
    /// - Returns: how many bytes came; 0 at the end.
    public func read(into buffer: inout MutableSpan<UInt8>) throws(Errno) -> Int {
        unsafe try buffer.withPointer { pointer, count throws(Errno) in
            try waiting(for: POLLIN) { unsafe Glibc.read(number, pointer, count) }
        }
    }

    /// Writes all of `bytes`, however many calls it takes, and waits for room though the parent said not to.
    public func writeAll(_ bytes: Span<UInt8>) throws(Errno) {
        unsafe try bytes.withPointer { pointer, count throws(Errno) in
            var done = 0
            while done < count {
                done += try waiting(for: POLLOUT) { unsafe Glibc.write(number, pointer + done, count - done) }
            }
        }
    }

    private func waiting(for events: Int32, _ body: () -> Int) throws(Errno) -> Int {
        while true {
            do throws(Errno) {
                return try retrying(body)
            } catch .wouldBlock {
                var state = pollfd(fd: number, events: Int16(events), revents: 0)
                _ = try retrying { unsafe poll(&state, 1, -1) }
            }
        }
    }
}

extension Span where Element == UInt8 {
    /// Lends an address that is never nil with the number of bytes behind it.
    func withPointer<R, E>(_ body: (UnsafePointer<UInt8>, Int) throws(E) -> R) throws(E) -> R {
        unsafe try withUnsafeBufferPointer { buffer throws(E) in
            guard let base = buffer.baseAddress else {
                var nothing: UInt8 = 0
                return unsafe try body(&nothing, 0)
            }
            return unsafe try body(base, buffer.count)
        }
    }
}

extension MutableSpan where Element == UInt8 {
    /// Lends an address that is never nil with the number of bytes behind it.
    mutating func withPointer<R, E>(_ body: (UnsafeMutablePointer<UInt8>, Int) throws(E) -> R) throws(E) -> R
    {
        unsafe try withUnsafeMutableBufferPointer { buffer throws(E) in
            guard let base = buffer.baseAddress else {
                var nothing: UInt8 = 0
                return unsafe try body(&nothing, 0)
            }
            return unsafe try body(base, buffer.count)
        }
    }
}
