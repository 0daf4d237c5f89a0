internal import CPlatform
internal import Glibc

/// A program that this process starts without a shell, and waits for, but not for ever.
///
/// It and the processes that it starts are a process group, which is killed as a whole when the time is over.
/// Processes that it leaves behind when it ends by itself stay.
public struct ChildProgram: Sendable {
    /// Its path.
    public let path: String
    /// Its arguments, without its name.
    public let arguments: [String]
    /// The seconds after which it is killed.
    public let limit: UInt64

    /// How a program ended.
    public struct Outcome: Sendable {
        /// The exit status; nil if a signal ended it.
        public let status: Int32?
        /// False if it, or a process that it started, did not read all of its standard input.
        public let hasReadInput: Bool
        /// The beginning of what it wrote to its standard error.
        public let message: String
    }

    /// Names a program, which need not exist.
    public init(_ path: String, _ arguments: [String], limit: UInt64 = 10) {
        (self.path, self.arguments, self.limit) = (path, arguments, limit)
    }

    /// Returns the path of a program in PATH; nil if there is none.
    public static func find(_ name: String) -> String? {
        let path = ((try? Environment.value("PATH")) ?? nil) ?? "/usr/local/bin:/usr/bin:/bin"
        for directory in path.split(separator: ":") where Path.isAbsolute(String(directory)) {
            let candidate = Path.join(String(directory), name)
            guard let status = try? fileStatus(of: candidate), status.isRegularFile else { continue }
            if unsafe access(candidate, X_OK) == 0 { return candidate }
        }
        return nil
    }

    /// Runs it with `input` on its standard input.
    ///
    /// Processes that it leaves behind have no descriptor of this process.
    ///
    /// - Parameter kept: indices of inherited variables (``Environment/withEntry(at:_:)``) that it gets.
    public func run(giving input: Span<UInt8>, keeping kept: [Int]) throws(Errno) -> Outcome {
        let pipe = try Pipe()
        let reading = pipe.reading
        let writing = pipe.writing
        _ = try retrying { platform_make_small_pipe(writing.number) }
        let errors = try MemoryFile()
        let child = RunningChild(id: try spawn(reading.number, nil, errors.number, kept), limit: limit)
        _ = consume reading
        let hasReadInput = child.give(input, to: writing)
        _ = consume writing
        let status = try child.end(killing: !hasReadInput)
        return Outcome(status: status, hasReadInput: hasReadInput, message: errors.beginning)
    }

    /// Runs it with nothing on its standard input and passes its standard output to `take` piece by piece.
    ///
    /// Its output ends when it ends, even if a process that it left behind keeps the pipe open.
    ///
    /// - Parameters:
    ///   - kept: as for ``run(giving:keeping:)``.
    ///   - buffer: memory for the pieces; guarded memory if they are secret.
    public func run(
        keeping kept: [Int], buffer: inout MutableSpan<UInt8>, take: (Span<UInt8>) -> Void
    ) throws(Errno) -> Outcome {
        let pipe = try Pipe()
        let reading = pipe.reading
        let writing = pipe.writing
        let errors = try MemoryFile()
        let child = RunningChild(id: try spawn(nil, writing.number, errors.number, kept), limit: limit)
        _ = consume writing
        do throws(Errno) {
            while try child.hasOutput(reading), case let count = try reading.read(into: &buffer), count > 0 {
                take(buffer.span.extracting(first: count))
            }
        } catch {
            child.kill()
            _ = try child.end(killing: true)
            guard error == .timedOut else { throw error }
            return Outcome(status: nil, hasReadInput: true, message: errors.beginning)
        }
        let status = try child.end(killing: false)
        return Outcome(status: status, hasReadInput: true, message: errors.beginning)
    }

    private func spawn(
        _ input: Int32?, _ output: Int32?, _ errors: Int32, _ kept: [Int]
    ) throws(Errno) -> pid_t {
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe _ = posix_spawn_file_actions_destroy(&actions) }
        for (target, number) in [(Int32(0), input), (1, output), (2, errors)] {
            if let number {
                unsafe posix_spawn_file_actions_adddup2(&actions, number, target)
            } else {
                unsafe posix_spawn_file_actions_addopen(&actions, target, "/dev/null", O_RDWR, 0)
            }
        }
        unsafe platform_spawn_closing_others(&actions)
        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        defer { unsafe _ = posix_spawnattr_destroy(&attributes) }
        unsafe platform_spawn_softened(&attributes)
        var flags: Int16 = 0
        unsafe posix_spawnattr_getflags(&attributes, &flags)
        unsafe posix_spawnattr_setflags(&attributes, flags | Int16(POSIX_SPAWN_SETPGROUP))
        let variables = unsafe inheritedVariables(kept) + [nil]
        let words = unsafe duplicates([Path.name(of: path)] + arguments) + [nil]
        defer { unsafe words.forEach { unsafe free($0) } }
        var child: pid_t = 0
        let status = unsafe posix_spawn(&child, path, &actions, &attributes, words, variables)
        guard status == 0 else { throw Errno(rawValue: status) }
        return child
    }
}

/// A program that runs, until a moment at which its process group is killed.
private struct RunningChild {
    private let id: pid_t
    private let deadline: UInt64

    init(id: pid_t, limit: UInt64) {
        self.id = id
        deadline = SystemClock.monotonicMilliseconds() + limit * 1000
    }

    /// The milliseconds that are left; 0 at the deadline.
    private var rest: Int32 {
        let now = SystemClock.monotonicMilliseconds()
        return now < deadline ? Int32(clamping: deadline - now) : 0
    }

    /// Writes `input` to the pipe that is its standard input.
    ///
    /// - Returns: false if not all of it is read before the deadline, or before nobody has the pipe open.
    func give(_ input: Span<UInt8>, to pipe: borrowing Descriptor) -> Bool {
        var done = 0
        while true {
            var state = pollfd(fd: pipe.number, events: Int16(POLLOUT), revents: 0)
            let isReady = unsafe poll(&state, 1, rest) == 1
            if done == input.count, platform_unread(pipe.number) <= 0 { return true }
            if rest == 0 || Int32(state.revents) & POLLERR != 0 { return false }
            if !isReady { continue }
            if done == input.count {
                // The pipe takes more than a page: nothing tells when it is empty.
                SystemClock.sleep(milliseconds: 5)
                continue
            }
            let written = unsafe input.withPointer { bytes, count in
                unsafe write(pipe.number, bytes + done, count - done)
            }
            if written > 0 {
                done += written
            } else if ![.interrupted, .wouldBlock].contains(Errno.current) {
                return false
            }
        }
    }

    /// Waits until `output` can be read or the program has ended.
    ///
    /// - Returns: false if there is nothing left to read.
    /// - Throws: ``Errno/timedOut`` at the deadline.
    func hasOutput(_ output: borrowing Descriptor) throws(Errno) -> Bool {
        let rest = rest
        if rest == 0 { throw .timedOut }
        let ready = platform_wait_readable_or_ended(output.number, id, rest)
        if ready < 0 { throw .current }
        return ready > 0
    }

    /// Kills it and all of its process group.
    func kill() { _ = Glibc.kill(-id, SIGKILL) }

    /// Waits until it has ended, and kills it at the deadline.
    ///
    /// - Parameter killing: whether to kill those of its process group that outlive it.
    /// - Returns: the exit status; nil if a signal ended it.
    func end(killing: Bool) throws(Errno) -> Int32? {
        // Until it has been waited for, no other process group can have its number.
        if platform_wait_readable_or_ended(-1, id, rest) < 0 || killing { kill() }
        return try exitStatus(of: id)
    }
}

extension MemoryFile {
    /// The first 400 bytes, as text.
    fileprivate var beginning: String {
        var bytes = [UInt8](repeating: 0, count: 400)
        var span = bytes.mutableSpan
        guard (try? rewind()) != nil, let count = try? read(into: &span) else { return "" }
        return String(decoding: bytes.prefix(count), as: UTF8.self)
    }
}
