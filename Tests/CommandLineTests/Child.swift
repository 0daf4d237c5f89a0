import Foundation

/// Runs a program in a session of its own, so without a controlling terminal.
///
/// Unlike `Foundation.Process` it accepts arguments that are not text, gives the child exactly the given environment and descriptors, and
/// distinguishes a signal from an exit code.
struct Child {
    let id: pid_t

    /// How a program ended.
    enum Outcome: Equatable {
        case exit(Int32)
        case signal(Int32)
        /// It did not end in time and was killed.
        case hung
    }

    /// Starts `words` with the given descriptors; a terminal becomes the controlling one.
    init(
        _ words: [[UInt8]], environment: [String: String], directory: String, input: String = "/dev/null",
        output: String,
        errors: String
    ) throws {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(
            &actions, 0, input, input.hasPrefix("/dev/pts/") ? O_RDWR : O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        posix_spawn_file_actions_addopen(&actions, 2, errors, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        for number: Int32 in 3..<256 { posix_spawn_file_actions_addclose(&actions, number) }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // POSIX_SPAWN_SETSID, SETSIGDEF and SETSIGMASK: the child inherits nothing of the test runner's own.
        posix_spawnattr_setflags(&attributes, 0x80 | 0x04 | 0x08)
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)

        // `env` changes the directory, which posix_spawn cannot do portably, and replaces itself with the program.
        let words = ["/usr/bin/env", "-C", directory].map { Array($0.utf8) } + words
        let arguments = words.map { strdup($0.map { CChar(bitPattern: $0) } + [0]) } + [nil]
        let variables = environment.map { strdup("\($0)=\($1)") } + [nil]
        defer { for word in arguments + variables { free(word) } }
        var child: pid_t = 0
        let error = posix_spawn(
            &child, arguments[0] ?? strdup(""), &actions, &attributes, arguments, variables)
        guard error == 0 else { throw POSIXError(POSIXErrorCode(rawValue: error) ?? .EIO) }
        id = child
    }

    /// Waits until it ends; polls every half millisecond.
    func wait(seconds: Double = 90) -> Outcome {
        let end = Date(timeIntervalSinceNow: seconds)
        var status: Int32 = 0
        while waitpid(id, &status, WNOHANG) == 0 {
            if Date() > end {
                kill(-id, SIGKILL)
                waitpid(id, &status, 0)
                return .hung
            }
            usleep(500)
        }
        let signal = status & 0x7F
        return signal == 0 ? .exit((status >> 8) & 0xFF) : .signal(signal)
    }
}
