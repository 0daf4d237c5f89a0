internal import CPlatform
internal import Glibc

/// This process: its arguments, its limits, and the program that it may become.
public enum CurrentProcess {
    /// The user that this process acts for.
    public static var userID: UInt32 { geteuid() }

    /// The user who started this process.
    public static var realUserID: UInt32 { getuid() }

    /// The process's number, for names of temporary files.
    public static var identifier: Int32 { getpid() }

    /// How many descriptors this process may have open.
    public static var maxDescriptors: Int {
        var limit = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 256 }
        return Int(clamping: limit.rlim_cur)
    }

    /// Makes a crash silent, and the process unreadable to others of the same user.
    ///
    /// The language's own crash reporter prints registers and memory, which may hold a secret; with the
    /// default action for the crash signals it does not run. No core is dumped and no debugger attaches.
    /// ``become(argumentsFrom:keeping:adding:)`` gives the next program its limits back.
    public static func harden() { platform_harden() }

    /// Opens the standard descriptors that the parent left closed on `/dev/null`, so that no file of ours
    /// takes their number.
    ///
    /// Writing there fails, as if it were closed: what is lost is not done.
    public static func fillStandardDescriptors() {
        for number in Int32(0)...2 where !InheritedDescriptor(number: number).isOpen {
            _ = unsafe open("/dev/null", O_RDONLY)
        }
    }

    /// The arguments after the program's name.
    public struct Arguments: Sendable {
        /// Each as text; bytes that are no UTF-8 are replaced by U+FFFD.
        public fileprivate(set) var words: [String] = []
        /// The index of the first one that is no UTF-8.
        public fileprivate(set) var firstMalformed: Int?
    }

    /// The arguments that this process was started with.
    public static func arguments() -> Arguments {
        var arguments = Arguments()
        guard let vector = unsafe platform_arguments() else { return arguments }
        var index = 1
        while index < Int(platform_argument_count()), let argument = unsafe vector[index] {
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

    /// The name that this process was started under, without its directory.
    public static var programName: String {
        guard platform_argument_count() > 0, let vector = unsafe platform_arguments(),
            let name = unsafe vector[0]
        else { return "" }
        return Path.name(of: unsafe String(cString: name))
    }

    /// Ends the process.
    public static func exit(_ code: Int32) -> Never { Glibc.exit(code) }

    /// Replaces this process by another program (`execve`); it keeps standard input, output, error and the
    /// terminal.
    ///
    /// - Parameters:
    ///   - first: the index of the program among this process's arguments (counted as in ``arguments()``); it
    ///     and all that follow are handed on byte for byte. It is looked for in PATH unless it has a slash.
    ///   - kept: indices of inherited variables (``Environment/withEntry(at:_:)``) that the program gets.
    ///   - added: further variables, `NAME=value` each with a final NUL.
    /// - Returns: only if the program could not be started, why.
    public static func become(argumentsFrom first: Int, keeping kept: [Int], adding added: Span<UInt8>)
        -> Errno
    {
        platform_soften()
        return unsafe added.withPointer { block, count in
            var variables: [UnsafeMutablePointer<CChar>?] = unsafe []
            guard let inherited = unsafe platform_environment() else { return .invalidArgument }
            for index in kept { unsafe variables.append(inherited[index]) }
            let text = unsafe UnsafeMutableRawPointer(mutating: block).assumingMemoryBound(to: CChar.self)
            var start = 0
            while start < count {
                unsafe variables.append(text + start)
                start += unsafe strlen(text + start) + 1
            }
            unsafe variables.append(nil)
            guard let vector = unsafe platform_arguments() else { return .invalidArgument }
            let arguments = unsafe vector + first + 1
            guard let name = unsafe arguments[0] else { return .noSuchFile }
            return unsafe variables.withUnsafeMutableBufferPointer { variables in
                guard let variables = variables.baseAddress else { return .invalidArgument }
                return unsafe search(name, arguments, variables)
            }
        }
    }

    /// Replaces this process by a program of the same installation, which lies beside this one or is found in PATH; it
    /// keeps standard input, output, error and the terminal.
    ///
    /// - Parameters:
    ///   - name: the program's name, without a directory.
    ///   - words: its arguments.
    ///   - kept: indices of inherited variables (``Environment/withEntry(at:_:)``) that the program gets.
    /// - Returns: only if the program could not be started, why.
    public static func become(companion name: String, _ words: [String], keeping kept: [Int]) -> Errno {
        platform_soften()
        guard let inherited = unsafe platform_environment() else { return .invalidArgument }
        var variables = unsafe kept.map { unsafe inherited[$0] }
        unsafe variables.append(nil)
        let own = (try? Path.resolvingLinks("/proc/self/exe")) ?? ""
        let beside = unsafe strdup(Path.join(Path.directory(of: own), name))
        var arguments: [UnsafeMutablePointer<CChar>?] = unsafe []
        for word in [name] + words { unsafe arguments.append(strdup(word)) }
        unsafe arguments.append(nil)
        defer { unsafe (arguments + [beside]).forEach { unsafe free($0) } }
        return unsafe arguments.withUnsafeMutableBufferPointer { arguments in
            unsafe variables.withUnsafeMutableBufferPointer { variables in
                guard let beside = unsafe beside, let words = arguments.baseAddress,
                    let first = unsafe words[0],
                    let variables = variables.baseAddress
                else { return .noMemory }
                unsafe execve(beside, words, variables)
                let error = Errno.current
                return error == .noSuchFile ? unsafe search(first, words, variables) : error
            }
        }
    }

    /// What `execvp` does, but with an environment of its own.
    private static func search(
        _ name: UnsafeMutablePointer<CChar>, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>,
        _ variables: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
    ) -> Errno {
        if unsafe strlen(name) == 0 { return .noSuchFile }
        if unsafe strchr(name, Int32(UInt8(ascii: "/"))) != nil {
            unsafe execve(name, arguments, variables)
            return .current
        }
        var result = Errno.noSuchFile
        let path =
            Environment.withValue("PATH") { path in path.indices.map { path[$0] } }
            ?? Array("/usr/local/bin:/usr/bin:/bin".utf8)
        for directory in path.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false) {
            let start = directory.isEmpty ? Array("./".utf8) : directory + [UInt8(ascii: "/")]
            var candidate = start.map { CChar(bitPattern: $0) }
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

/// Command lines that this program runs for a person.
public enum ShellCommand {
    /// Runs `command` with `/bin/sh -c` and hands each piece of its standard output to `take` as it comes.
    ///
    /// Its standard input is empty; standard error and the terminal are this process's own. Only the command itself is waited
    /// for: what it leaves running in the background may keep the output open.
    ///
    /// - Parameters:
    ///   - kept: indices of inherited variables that the command gets.
    ///   - buffer: where the pieces lie while `take` looks at them; guarded memory, for what is secret.
    ///   - take: answers whether it wants more; if not, the command is ended.
    /// - Returns: its exit status, or nil if a signal ended it.
    public static func run(
        _ command: String, keeping kept: [Int], buffer: inout MutableSpan<UInt8>, take: (Span<UInt8>) -> Bool
    ) throws(Errno) -> Int32? {
        var ends: [Int32] = [-1, -1]
        _ = try retrying { unsafe platform_pipe(&ends) }
        let output = Descriptor(adopting: ends[0])
        let input = Descriptor(adopting: ends[1])
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
            _ = try wait(for: child)
            throw error
        }
        return try wait(for: child)
    }

    /// Waits until `output` has bytes or has ended, or `child` has ended; says whether to read on.
    private static func isReadable(_ output: borrowing Descriptor, while child: pid_t) throws(Errno) -> Bool {
        let ready = platform_wait_readable_or_ended(output.number, child)
        if ready < 0 { throw .current }
        return ready > 0
    }

    /// Lets a person edit the file at `path`: runs `editor` with the path behind it, at this process's terminal.
    ///
    /// The keys that end a program are for the editor meanwhile.
    ///
    /// - Returns: its exit status, or nil if a signal ended it.
    public static func edit(_ path: String, with editor: String, keeping kept: [Int]) throws(Errno) -> Int32?
    {
        let child = try spawn(editor + " \"$1\"", about: path, keeping: kept)
        let interrupt = signal(SIGINT, SIG_IGN)
        let quit = signal(SIGQUIT, SIG_IGN)
        defer {
            _ = signal(SIGINT, interrupt)
            _ = signal(SIGQUIT, quit)
        }
        return try wait(for: child)
    }

    /// Has the desktop show `address` in the person's browser, whatever comes of it.
    public static func show(_ address: String) {
        let command = "xdg-open \"$1\" </dev/null >/dev/null 2>&1 &"
        guard let child = try? spawn(command, about: address, keeping: Array(0..<Environment.count)) else {
            return
        }
        _ = try? wait(for: child)
    }

    private static func wait(for child: pid_t) throws(Errno) -> Int32? {
        var status: Int32 = 0
        _ = try retrying { unsafe waitpid(child, &status, 0) }
        let code = platform_exit_status(status)
        return code < 0 ? nil : code
    }

    /// Starts a command line; `$1` in it is `operand`.
    ///
    /// - Parameter output: the descriptor that its standard output goes to, its standard input being empty then; without
    ///   one it has this process's own.
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
        var variables: [UnsafeMutablePointer<CChar>?] = unsafe []
        if let inherited = unsafe platform_environment() {
            for index in kept { unsafe variables.append(inherited[index]) }
        }
        unsafe variables.append(nil)
        var arguments: [UnsafeMutablePointer<CChar>?] = unsafe []
        defer { unsafe arguments.forEach { unsafe free($0) } }
        for word in ["sh", "-c", command, "sh", operand ?? ""] { unsafe arguments.append(strdup(word)) }
        unsafe arguments.append(nil)
        var child: pid_t = 0
        let status = unsafe posix_spawn(&child, "/bin/sh", &actions, &attributes, arguments, variables)
        guard status == 0 else { throw Errno(rawValue: status) }
        return child
    }
}
