package import Platform
package import Sodium

/// The exit codes of the program other than 0: 'vault help exit-codes' explains each.
package enum ExitCode: Int32 {
    case other = 1
    case usage = 2
    case cancelled = 3
    case locked = 4
    case wrongPassphrase = 5
    case noVault = 6
    case busy = 7
    case damaged = 8
    case noSuchSecret = 9
    case checkFound = 10
    case notExpressible = 11
    case missing = 12
    case rollback = 13
    case runFailed = 125
    case notExecutable = 126
    case notFound = 127
}

/// An error in words, with its exit code.
package struct Failure: Error {
    package var code: ExitCode
    package let message: String
    package let hint: Hint?

    package init(_ code: ExitCode, _ message: String, hint: Hint? = nil) {
        (self.code, self.message, self.hint) = (code, message, hint)
    }

    /// An error of the system; `doing` says what failed, such as "cannot read FILE".
    package init(_ error: Errno, _ doing: String, hint: Hint? = nil) {
        self.init(.other, "\(doing): \(error)", hint: hint)
    }

    /// An exit code alone, for a command that has already printed its answer.
    package init(silent code: ExitCode) { self.init(code, "") }

    /// Prints it on standard error.
    package func report(asJSON: Bool) {
        if message.isEmpty { return }
        if asJSON {
            var error: [(String, JSON)] = [
                ("code", .number(Int(code.rawValue))), ("message", .string(message)),
            ]
            if let hint { error.append(("hint", .string(hint.text))) }
            Output.note(JSON.object([("schema", .number(1)), ("error", .object(error))]).text)
        } else {
            Output.note(.error, message)
            if let hint { Output.hint(hint) }
        }
    }
}

/// An error of another module that this one can put into words.
package protocol ReportableError: Error {
    /// Puts the error into words.
    ///
    /// - Parameter path: the file that the failed call was about.
    func failure(about path: String) -> Failure
}

extension Failure {
    /// Puts an error of another module into words.
    ///
    /// - Parameter path: the file that the failed call was about.
    package init(_ error: some ReportableError, path: String = "") { self = error.failure(about: path) }
}

/// Evaluates a call that allocates guarded memory, and puts its error into words.
package func allocating<R: ~Copyable>(_ call: @autoclosure () throws(SodiumError) -> R) throws(Failure) -> R {
    try converting(call) { _ in Failure.outOfMemory }
}

/// Calls `body` and puts its error into words.
///
/// - Parameter path: the file that the call is about.
package func inWords<R: ~Copyable, E: ReportableError>(
    about path: String = "", _ body: () throws(E) -> R
) throws(Failure) -> R {
    try converting(body) { Failure($0, path: path) }
}

/// Evaluates a call of the system and puts its error into words.
///
/// - Parameter doing: what fails, such as "cannot read FILE".
package func inWords<R: ~Copyable>(
    _ doing: @autoclosure () -> String, hint: Hint? = nil, _ call: @autoclosure () throws(Errno) -> R
) throws(Failure) -> R {
    try converting(call) { Failure($0, doing(), hint: hint) }
}

/// Calls `body` and puts an error of the system into words.
///
/// - Parameter doing: what fails, such as "cannot read FILE".
package func inWords<R: ~Copyable>(
    _ doing: @autoclosure () -> String, hint: Hint? = nil, _ body: () throws(Errno) -> R
) throws(Failure) -> R {
    try converting(body) { Failure($0, doing(), hint: hint) }
}

extension Failure {
    package static let outOfMemory = Failure(.other, "not enough memory")
}

extension SodiumError: ReportableError {
    package func failure(about path: String) -> Failure { .outOfMemory }
}

extension NotText: ReportableError {
    package func failure(about path: String) -> Failure {
        Failure(.usage, "the variable \(variable) is not UTF-8 text")
    }
}

extension PromptError: ReportableError {
    package func failure(about path: String) -> Failure {
        switch self {
        case .cancelled: Failure(.cancelled, "cancelled")
        case .inBackground:
            Failure(
                .locked,
                "cannot prompt: this command runs in the background, and no shell waits for it")
        case .terminal(let error): Failure(error, "the terminal failed")
        }
    }
}

extension Environment {
    /// The value of a variable, which must be text; nil if it is unset or empty.
    package static func text(_ name: String) throws(Failure) -> String? {
        let text = try inWords { () throws(NotText) in try Environment.value(name) }
        return text?.isEmpty == true ? nil : text
    }
}

extension SecretBuffer {
    /// Reads until the end of the input or until the buffer is full; `what` names the input in errors.
    package mutating func fill(
        _ what: String, _ read: (inout MutableSpan<UInt8>) throws(Errno) -> Int
    ) throws(Failure) {
        try inWords("cannot read \(what)") { () throws(Errno) in
            while count < capacity, try appendInPlace(read) > 0 {}
        }
    }

    /// Reads a file that only its owner may read, until its end or until the buffer is full.
    package mutating func fill(fromPrivate path: String, _ what: String) throws(Failure) {
        // The creator of a pipe could keep us waiting.
        if InputFile.isForeignPipe(path) {
            throw Failure(.other, "\(what) is a pipe of another user")
        }
        let file = try inWords("cannot read \(what)", InputFile(path))
        if file.isReadableByOthers {
            throw Failure(
                .other, "\(what) can be read by others", hint: "chmod 600 \(Hint.quoted(path: path))")
        }
        try fill(what) { span throws(Errno) in try file.read(into: &span) }
    }
}
