internal import CPlatform
internal import Glibc

/// An open file descriptor, closed when the value goes away.
public struct Descriptor: ~Copyable, Sendable {
    /// The origin of a descriptor, which decides how long closing it can take.
    enum Origin {
        /// Opened by this process: no longer than other calls for the same file.
        case own
        /// An accepted connection, over which another process may have sent descriptors that were not
        /// received.
        case accepted
        /// Sent by another process, which may make it take for ever.
        case received
    }

    let number: Int32
    private let origin: Origin

    /// Takes ownership of an open descriptor.
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
        // Descriptors that were sent and not received arrive with bytes, and none are left.
        case .accepted where platform_socket_shut_down(number) != 0: close(number)
        // Closing a file that was never opened for reading or writing has no effect on it.
        case .received where fcntl(number, F_GETFL) & platform_path_only != 0: close(number)
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
    /// - Returns: the number of bytes read; 0 at the end.
    public borrowing func read(into buffer: inout MutableSpan<UInt8>) throws(Errno) -> Int {
        unsafe try buffer.withPointer { pointer, count throws(Errno) in
            try retrying { unsafe Glibc.read(number, pointer, count) }
        }
    }

    /// Writes all of `bytes`.
    public borrowing func writeAll(_ bytes: Span<UInt8>) throws(Errno) {
        try InheritedDescriptor(number: number).writeAll(bytes)
    }

    borrowing func status() throws(Errno) -> stat {
        var result = stat()
        _ = try retrying { unsafe fstat(number, &result) }
        return result
    }
}

/// A descriptor that the parent process left open, or that another value owns; never closed here.
public struct InheritedDescriptor: Sendable {
    let number: Int32

    /// Standard input.
    public static let standardInput = InheritedDescriptor(number: 0)
    /// Standard output.
    public static let standardOutput = InheritedDescriptor(number: 1)
    /// Standard error.
    public static let standardError = InheritedDescriptor(number: 2)

    /// Refers to the descriptor with this number.
    public init(number: Int32) { self.number = number }

    /// True if it is a terminal.
    public var isTerminal: Bool { isatty(number) == 1 }

    /// True if it is open.
    public var isOpen: Bool { fcntl(number, F_GETFD) != -1 }

    /// Sets close-on-exec, so that programs started from here do not inherit it.
    public func keepFromOthers() { _ = fcntl(number, F_SETFD, FD_CLOEXEC) }

    /// Reads once, at most `buffer.count` bytes; waits for them even if the parent made the descriptor
    /// non-blocking.
    ///
    /// - Returns: the number of bytes read; 0 at the end.
    public func read(into buffer: inout MutableSpan<UInt8>) throws(Errno) -> Int {
        unsafe try buffer.withPointer { pointer, count throws(Errno) in
            try waiting(for: POLLIN) { unsafe Glibc.read(number, pointer, count) }
        }
    }

    /// Writes all of `bytes`; waits until it can even if the parent made the descriptor non-blocking.
    public func writeAll(_ bytes: Span<UInt8>) throws(Errno) {
        unsafe try bytes.withPointer { pointer, count throws(Errno) in
            var done = 0
            while done < count {
                done += try waiting(for: POLLOUT) { unsafe write(number, pointer + done, count - done) }
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
