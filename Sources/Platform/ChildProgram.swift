internal import CPlatform
internal import Glibc

/// A program that this process starts without a shell, and waits for.
public struct ChildProgram: Sendable {
    /// Its path.
    public let path: String
    /// Its arguments, without its name.
    public let arguments: [String]
    /// The seconds after which it is killed; nil if it may run for ever.
    public let limit: UInt32?

    /// How a program ended.
    public struct Outcome: Sendable {
        /// The exit status; nil if a signal ended it.
        public let status: Int32?
        /// The beginning of what it wrote to its standard error.
        public let message: String
    }

    /// Names a program, which need not exist.
    ///
    /// Only one program with a limit can run at a time, and SIGALRM has no other use then.
    public init(_ path: String, _ arguments: [String], limit: UInt32? = nil) {
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
        let errors = try MemoryFile()
        let child = try spawn(reading.number, nil, errors.number, kept)
        _ = consume reading
        do throws(Errno) {
            try writing.writeAll(input)
        } catch .brokenPipe {
            // It need not read; its exit status says whether that was right.
        } catch {
            kill(child, SIGKILL)
            _ = try end(of: child)
            throw error
        }
        _ = consume writing
        return Outcome(status: try end(of: child), message: errors.beginning)
    }

    /// Runs it with nothing on its standard input and passes its standard output to `take` piece by piece.
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
        let child = try spawn(nil, writing.number, errors.number, kept)
        _ = consume writing
        do throws(Errno) {
            while case let count = try reading.read(into: &buffer), count > 0 {
                take(buffer.span.extracting(first: count))
            }
        } catch {
            kill(child, SIGKILL)
            _ = try end(of: child)
            throw error
        }
        return Outcome(status: try end(of: child), message: errors.beginning)
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
        let variables = unsafe inheritedVariables(kept) + [nil]
        let words = unsafe duplicates([Path.name(of: path)] + arguments) + [nil]
        defer { unsafe words.forEach { unsafe free($0) } }
        var child: pid_t = 0
        let status = unsafe posix_spawn(&child, path, &actions, &attributes, words, variables)
        guard status == 0 else { throw Errno(rawValue: status) }
        if let limit { platform_limit(child, limit) }
        return child
    }

    private func end(of child: pid_t) throws(Errno) -> Int32? {
        if limit != nil { platform_wait_for_limited(child) }
        return try exitStatus(of: child)
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
