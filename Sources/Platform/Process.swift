internal import CPlatform
internal import Glibc

/// This process: its arguments, its limits, and the program that may replace it.
public enum CurrentProcess {
    /// The effective user ID.
    public static var userID: UInt32 { geteuid() }

    /// The real user ID, of the user who started this process.
    public static var realUserID: UInt32 { getuid() }

    /// The process ID.
    public static var identifier: Int32 { getpid() }

    /// The limit on open descriptors.
    public static var maxDescriptors: Int {
        var limit = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 256 }
        return Int(clamping: limit.rlim_cur)
    }

    /// Keeps the memory of this process from crash reports, core dumps and debuggers of the same user.
    ///
    /// Swift's crash reporter prints registers and memory, which may hold a secret. It does not run once the
    /// crash signals have their default actions. ``become(argumentsFrom:keeping:adding:)`` restores the
    /// limits for the next program.
    public static func harden() { platform_harden() }

    /// Opens the standard descriptors that the parent closed on `/dev/null`, so that no file gets their
    /// numbers.
    ///
    /// They are read-only: writing still fails, so that no output is lost silently.
    public static func fillStandardDescriptors() {
        for number in Int32(0)...2 where !InheritedDescriptor(number: number).isOpen {
            _ = unsafe open("/dev/null", O_RDONLY)
        }
    }

    /// The arguments after the program's name.
    public struct Arguments: Sendable {
        /// The arguments as text; invalid UTF-8 is replaced by U+FFFD.
        public fileprivate(set) var words: [String] = []
        /// The index of the first argument that is not UTF-8.
        public fileprivate(set) var firstMalformed: Int?
    }

    /// Returns the arguments that this process was started with.
    public static func arguments() -> Arguments {
        var arguments = Arguments()
        guard let vector = unsafe platform_arguments(), unsafe vector[0] != nil else { return arguments }
        var index = 1
        while let argument = unsafe vector[index] {
            if let text = unsafe String(validatingCString: argument) {
                arguments.words.append(text)
            } else {
                arguments.firstMalformed = arguments.firstMalformed ?? index - 1
                arguments.words.append(unsafe String(cString: argument))
            }
            index += 1
        }
        return arguments
    }

    /// Returns whether this process was started under this name, which has no directory.
    public static func isNamed(_ name: String) -> Bool {
        guard let vector = unsafe platform_arguments(), let own = unsafe vector[0] else { return false }
        return unsafe String(cString: own) == name
    }

    /// Ends the process.
    public static func exit(_ code: Int32) -> Never { Glibc.exit(code) }

    /// Replaces this process by another program (`execve`), which keeps the standard descriptors and the
    /// terminal.
    ///
    /// - Parameters:
    ///   - first: the index of the program in ``arguments()``. It and the following arguments are passed on
    ///     byte for byte. A name without a slash is searched for in PATH.
    ///   - kept: indices of inherited variables (``Environment/withEntry(at:_:)``) that the program gets.
    ///   - added: further variables, each `NAME=value` with a final NUL.
    /// - Returns: the reason if the program could not be started; otherwise it does not return.
    public static func become(argumentsFrom first: Int, keeping kept: [Int], adding added: Span<UInt8>)
        -> Errno
    {
        platform_soften()
        return unsafe added.withPointer { block, count in
            var variables = unsafe inheritedVariables(kept)
            let text = unsafe UnsafeMutableRawPointer(mutating: block).assumingMemoryBound(to: CChar.self)
            var start = 0
            while start < count {
                unsafe variables.append(text + start)
                start += unsafe strlen(text + start) + 1
            }
            unsafe variables.append(nil)
            guard let vector = unsafe platform_arguments() else { return .noSuchFile }
            return unsafe search(vector + first + 1, variables)
        }
    }

    /// Replaces this process by a program of the same installation, in the directory of this one or in PATH,
    /// which keeps the standard descriptors and the terminal.
    ///
    /// - Parameters:
    ///   - name: the program's name, without a directory.
    ///   - words: its arguments.
    ///   - kept: indices of inherited variables (``Environment/withEntry(at:_:)``) that the program gets.
    /// - Returns: the reason if the program could not be started; otherwise it does not return.
    public static func become(companion name: String, _ words: [String], keeping kept: [Int]) -> Errno {
        platform_soften()
        let own = (try? Path.resolvingLinks("/proc/self/exe")) ?? ""
        let variables = unsafe inheritedVariables(kept) + [nil]
        let arguments = unsafe duplicates([name] + words) + [nil]
        defer { unsafe arguments.forEach { unsafe free($0) } }
        unsafe execve(Path.join(Path.directory(of: own), name), arguments, variables)
        let error = Errno.current
        return error == .noSuchFile ? unsafe search(arguments, variables) : error
    }

    /// Does what `execvpe` does.
    private static func search(
        _ arguments: UnsafePointer<UnsafeMutablePointer<CChar>?>, _ variables: [UnsafeMutablePointer<CChar>?]
    ) -> Errno {
        guard let name = unsafe arguments[0], unsafe strlen(name) > 0 else { return .noSuchFile }
        if unsafe strchr(name, Int32(UInt8(ascii: "/"))) != nil {
            unsafe execve(name, arguments, variables)
            return .current
        }
        var result = Errno.noSuchFile
        let path =
            Environment.withValue("PATH") { $0.array($0.indices) }
            ?? Array("/usr/local/bin:/usr/bin:/bin".utf8)
        for directory in path.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false) {
            let start = directory.isEmpty ? Array("./".utf8) : directory + [UInt8(ascii: "/")]
            var candidate = start.map { CChar(truncatingIfNeeded: $0) }
            unsafe candidate.append(contentsOf: UnsafeBufferPointer(start: name, count: strlen(name) + 1))
            _ = unsafe execve(candidate, arguments, variables)
            switch Errno.current {
            case .noSuchFile, .notDirectory, .nameTooLong: continue
            case .permissionDenied: result = .permissionDenied
            case let error: return error
            }
        }
        return result
    }
}

/// Returns the inherited variables at these indices.
func inheritedVariables(_ kept: [Int]) -> [UnsafeMutablePointer<CChar>?] {
    guard let variables = unsafe platform_environment() else { return unsafe [] }
    return unsafe kept.map { unsafe variables[$0] }
}

/// Returns copies of `words` that the caller must free.
func duplicates(_ words: [String]) -> [UnsafeMutablePointer<CChar>?] {
    unsafe words.map { unsafe strdup($0) }
}

/// Waits until a child has ended.
///
/// - Returns: its exit status, or nil if a signal ended it.
func exitStatus(of child: pid_t) throws(Errno) -> Int32? {
    var status: Int32 = 0
    _ = try retrying { unsafe waitpid(child, &status, 0) }
    let code = platform_exit_status(status)
    return code < 0 ? nil : code
}

/// A pipe, both of its ends close-on-exec.
struct Pipe: ~Copyable {
    let reading: Descriptor
    let writing: Descriptor

    init() throws(Errno) {
        var ends: [Int32] = [-1, -1]
        _ = try retrying { unsafe platform_pipe(&ends) }
        reading = Descriptor(adopting: ends[0])
        writing = Descriptor(adopting: ends[1])
    }
}

/// Runs command lines for the user.
public enum ShellCommand {
    /// Runs `command` with `/bin/sh -c` and passes its standard output to `take` piece by piece.
    ///
    /// Its standard input is empty; it shares standard error and the terminal with this process. Only the
    /// command itself is waited for, not processes that it leaves in the background, which may keep the
    /// output open.
    ///
    /// - Parameters:
    ///   - kept: indices of inherited variables that the command gets.
    ///   - buffer: memory for the pieces; guarded memory if they are secret.
    ///   - take: returns false to kill the command.
    /// - Returns: the exit status, or nil if a signal ended the command.
    public static func run(
        _ command: String, keeping kept: [Int], buffer: inout MutableSpan<UInt8>, take: (Span<UInt8>) -> Bool
    ) throws(Errno) -> Int32? {
        let pipe = try Pipe()
        let output = pipe.reading
        let input = pipe.writing
        let child = try spawn(command, keeping: kept, output: input.number)
        _ = consume input
        do throws(Errno) {
            while try isReadable(output, while: child), case let count = try output.read(into: &buffer),
                count > 0
            {
                if !take(buffer.span.extracting(first: count)) {
                    kill(child, SIGKILL)
                    break
                }
            }
        } catch {
            kill(child, SIGKILL)
            _ = try exitStatus(of: child)
            throw error
        }
        return try exitStatus(of: child)
    }

    /// Waits until `output` can be read or `child` has ended.
    ///
    /// - Returns: false if there is nothing left to read.
    private static func isReadable(_ output: borrowing Descriptor, while child: pid_t) throws(Errno) -> Bool {
        let ready = platform_wait_readable_or_ended(output.number, child, -1)
        if ready < 0 { throw .current }
        return ready > 0
    }

    /// Lets the user edit the file at `path`: runs `editor` with the path as its last argument, at this
    /// process's terminal.
    ///
    /// Meanwhile Ctrl-C and Ctrl-\ affect the editor only, even if their signals are deferred.
    ///
    /// - Returns: the exit status; nil if a signal ended the editor, or a deferred one is to end this process.
    public static func edit(
        _ path: String, with editor: String, keeping kept: [Int], deferring signals: DeferredSignals? = nil
    ) throws(Errno) -> Int32? {
        if signals?.arePending == true { return nil }
        let child = try spawn(editor + " \"$1\"", about: path, keeping: kept)
        platform_ignore_keys()
        defer { platform_heed_keys() }
        if let signals {
            let ready = platform_wait_readable_or_ended(signals.number, child, -1)
            if ready < 0 { throw .current }
            if ready > 0 { return nil }
        }
        return try exitStatus(of: child)
    }

    /// Asks the desktop to show `address` in the user's browser, and ignores errors.
    public static func show(_ address: String) {
        let command = "xdg-open \"$1\" </dev/null >/dev/null 2>&1 &"
        guard let child = try? spawn(command, about: address, keeping: Array(0..<Environment.count)) else {
            return
        }
        _ = try? exitStatus(of: child)
    }

    /// Starts a command line in which `$1` is `operand`.
    ///
    /// - Parameter output: the descriptor for its standard output, with an empty standard input; if nil, it
    ///   has those of this process.
    private static func spawn(
        _ command: String, about operand: String? = nil, keeping kept: [Int], output: Int32? = nil
    ) throws(Errno) -> pid_t {
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe _ = posix_spawn_file_actions_destroy(&actions) }
        if let output {
            unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
            unsafe posix_spawn_file_actions_adddup2(&actions, output, 1)
        }
        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        defer { unsafe _ = posix_spawnattr_destroy(&attributes) }
        unsafe platform_spawn_softened(&attributes)
        let variables = unsafe inheritedVariables(kept) + [nil]
        let arguments = unsafe duplicates(["sh", "-c", command, "sh", operand ?? ""]) + [nil]
        defer { unsafe arguments.forEach { unsafe free($0) } }
        var child: pid_t = 0
        let status = unsafe posix_spawn(&child, "/bin/sh", &actions, &attributes, arguments, variables)
        guard status == 0 else { throw Errno(rawValue: status) }
        return child
    }
}
