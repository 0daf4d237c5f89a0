package import Platform
package import Sodium

/// How the program ends when it did not do what was asked.
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

/// An error in words, with the exit code that goes with it.
package struct Failure: Error {
    package var code: ExitCode
    package let message: String
    package let hint: Hint?

    package init(_ code: ExitCode, _ message: String, hint: Hint? = nil) {
        self.code = code
        self.message = message
        self.hint = hint
    }

    /// An error of the system about something that has a name.
    package init(_ error: Errno, _ doing: String, hint: Hint? = nil) {
        self.init(.other, "\(doing): \(error)", hint: hint)
    }

    /// A variable that cannot be read.
    package init(_ error: NotText) { self.init(.usage, "the variable \(error.variable) is not UTF-8 text") }

    /// An exit code alone, where the answer is already printed.
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
            Output.note("vault: error: \(message)")
            if let hint { Output.hint(hint) }
        }
    }
}

extension Environment {
    /// The value of a variable that must be text; nil if it is unset or empty.
    package static func text(_ name: String) throws(Failure) -> String? {
        do throws(NotText) {
            guard let value = try value(name), !value.isEmpty else { return nil }
            return value
        } catch {
            throw Failure(error)
        }
    }
}

extension Failure {
    package static let outOfMemory = Failure(.other, "not enough memory")

    /// What libsodium says, which fails for want of memory alone.
    package init(_ error: SodiumError) { self = .outOfMemory }
}

/// Calls `body`, turning a lack of memory into words.
package func inWords<R: ~Copyable>(_ body: () throws(SodiumError) -> R) throws(Failure) -> R {
    do throws(SodiumError) {
        return try body()
    } catch {
        throw Failure(error)
    }
}

extension SecretBuffer {
    /// Reads until the end or until it is full.
    package mutating func fill(
        _ what: String, _ read: (inout MutableSpan<UInt8>) throws(Errno) -> Int
    ) throws(Failure) {
        do throws(Errno) {
            while count < capacity, try appendInPlace(read) > 0 {}
        } catch {
            throw Failure(error, "cannot read \(what)")
        }
    }

    /// Reads a file that nobody else may read, until its end or until the buffer is full.
    package mutating func fill(fromPrivate path: String, _ what: String) throws(Failure) {
        // Whoever made a pipe can keep the one waiting who opens it.
        if InputFile.isForeignPipe(path) {
            throw Failure(.other, "\(what) is a pipe of another user")
        }
        let file = try InputFile.open(path, what)
        if file.isReadableByOthers {
            throw Failure(
                .other, "\(what) can be read by others", hint: "chmod 600 \(Hint.quoted(path: path))")
        }
        try fill(what) { span throws(Errno) in try file.read(into: &span) }
    }
}

extension InputFile {
    /// Opens a file that the user named.
    package static func open(_ path: String, _ what: String) throws(Failure) -> InputFile {
        do throws(Errno) {
            return try InputFile(path)
        } catch {
            throw Failure(error, "cannot read \(what)")
        }
    }
}
