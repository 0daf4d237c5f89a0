internal import CPlatform
internal import Glibc

/// A process that outlives the one that started it.
public enum DetachedProcess {
    /// Starts this program again and passes its standard output to `take` until it closes that.
    ///
    /// It runs in a new session, without a terminal, an environment or any other descriptor of this process.
    ///
    /// - Parameters:
    ///   - name: its name in the process list, by which ``CurrentProcess/isNamed(_:)`` knows it.
    ///   - arguments: its two arguments.
    ///   - take: called with each piece of the output.
    public static func startSelf(
        as name: String, _ arguments: (String, String), take: (Span<UInt8>) -> Void
    ) throws(Errno) {
        var ends: [Int32] = [-1, -1]
        _ = try retrying { unsafe platform_pipe(&ends) }
        let output = Descriptor(adopting: ends[0])
        try start(name, arguments, output: Descriptor(adopting: ends[1]))
        var buffer = [UInt8](repeating: 0, count: 256)
        while true {
            var span = buffer.mutableSpan
            let count = try output.read(into: &span)
            if count == 0 { return }
            take(buffer.span.extracting(first: count))
        }
    }

    private static func start(
        _ name: String, _ arguments: (String, String), output: consuming Descriptor
    ) throws(Errno) {
        let status = unsafe platform_start_detached(name, arguments.0, arguments.1, output.number)
        guard status == 0 else { throw Errno(rawValue: status) }
    }

    /// Prepares this process to outlive its parent: core dumps are forbidden, a closed terminal does not end
    /// it, new files are private, the limit on descriptors is raised, and the working directory is `/`.
    public static func detach(name: String) throws(Errno) {
        unsafe platform_detach(name)
        umask(0o077)
        _ = try retrying { unsafe chdir("/") }
    }

    /// Closes the standard output, which the process that started this one reads to its end.
    public static func closeStandardOutput() throws(Errno) {
        let null = try Descriptor(path: "/dev/null", flags: O_RDWR)
        _ = try retrying { dup2(null.number, 1) }
    }
}
