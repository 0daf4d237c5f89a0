internal import CPlatform
internal import Glibc

/// A process that outlives the one that started it.
public enum DetachedProcess {
    /// Starts this program again, in a session of its own, without terminal, environment or any descriptor of
    /// ours, and hands what it writes on its standard output to `take` until it closes that.
    ///
    /// - Parameters:
    ///   - name: what it is called in the list of processes, and finds as ``CurrentProcess/programName``.
    ///   - arguments: its two arguments.
    ///   - take: is lent what it writes.
    public static func startSelf(
        as name: String, _ arguments: (String, String), take: (Span<UInt8>) -> Void
    ) throws(Errno) {
        var ends: [Int32] = [-1, -1]
        _ = try retrying { unsafe platform_pipe(&ends) }
        let output = Descriptor(adopting: ends[0])
        let status = start(name, arguments, output: Descriptor(adopting: ends[1]))
        guard status == 0 else { throw Errno(rawValue: status) }
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
    ) -> Int32 {
        unsafe platform_start_detached(name, arguments.0, arguments.1, output.number)
    }

    /// Makes this process one that outlives its parent: no core dump ever, no end with the terminal, all files
    /// private, as many descriptors as are allowed, and no directory held on to.
    public static func detach(name: String) throws(Errno) {
        unsafe platform_detach(name)
        umask(0o077)
        _ = try retrying { unsafe chdir("/") }
    }

    /// Lets go of the standard output, on which the one who started this process listens.
    public static func closeStandardOutput() throws(Errno) {
        let null = try Descriptor(path: "/dev/null", flags: O_RDWR)
        _ = try retrying { dup2(null.number, 1) }
    }
}
