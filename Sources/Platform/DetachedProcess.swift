internal import CPlatform
internal import Glibc

/// A process that outlives the one that started it.
public enum DetachedProcess {
    /// Starts this program again and passes its standard output to `take` until it closes that.
    ///
    /// It runs in a new session, without a terminal or any other descriptor of this process.
    ///
    /// - Parameters:
    ///   - name: its name in the process list, by which ``CurrentProcess/isNamed(_:)`` knows it.
    ///   - arguments: its two arguments.
    ///   - variables: its environment, each variable as `NAME=value`.
    ///   - hasInput: false if its standard input is `/dev/null`.
    ///   - give: writes what it reads from its standard input.
    ///   - take: called with each piece of the output.
    public static func startSelf(
        as name: String, _ arguments: (String, String), variables: [String] = [], hasInput: Bool = true,
        give: (InheritedDescriptor) throws(Errno) -> Void, take: (Span<UInt8>) -> Void
    ) throws(Errno) {
        let input = try Pipe()
        let output = try Pipe()
        let inputEnd = input.reading
        let writing = input.writing
        let reading = output.reading
        let outputEnd = output.writing
        try start(name, arguments, variables, hasInput ? inputEnd.number : nil, outputEnd.number)
        _ = consume inputEnd
        _ = consume outputEnd
        do throws(Errno) {
            try give(InheritedDescriptor(number: writing.number))
        } catch .brokenPipe {
            // Its output says why it did not read everything.
        }
        _ = consume writing
        var buffer = [UInt8](repeating: 0, count: 256)
        while true {
            var span = buffer.mutableSpan
            let count = try reading.read(into: &span)
            if count == 0 { return }
            take(buffer.span.extracting(first: count))
        }
    }

    private static func start(
        _ name: String, _ arguments: (String, String), _ variables: [String], _ input: Int32?,
        _ output: Int32
    ) throws(Errno) {
        let variables = unsafe duplicates(variables) + [nil]
        defer { unsafe variables.forEach { unsafe free($0) } }
        let status = unsafe platform_start_detached(
            name, arguments.0, arguments.1, variables, input ?? -1, output)
        guard status == 0 else { throw Errno(rawValue: status) }
    }

    /// Prepares this process to outlive its parent: core dumps are forbidden, a closed terminal does not end
    /// it, new files are private, the limit on descriptors is raised, and the working directory is `/`.
    public static func detach(name: String) throws(Errno) {
        unsafe platform_detach(name)
        umask(0o077)
        _ = try retrying { unsafe chdir("/") }
    }

    /// Closes the standard input, and the standard output, which the process that started this one reads to
    /// its end.
    public static func closeInputAndOutput() throws(Errno) {
        let null = try Descriptor(path: "/dev/null", flags: O_RDWR)
        for number in Int32(0)...1 { _ = try retrying { dup2(null.number, number) } }
    }
}
