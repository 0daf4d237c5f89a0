internal import Platform

/// How the program ends when it did not do what was asked.
enum ExitCode: Int32 {
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
struct Failure: Error {
    var code: ExitCode
    let message: String
    let hint: String?

    init(_ code: ExitCode, _ message: String, hint: String? = nil) {
        self.code = code
        self.message = message
        self.hint = hint
    }

    /// An error of the system about something that has a name.
    init(_ error: Errno, _ doing: String) { self.init(.other, "\(doing): \(error)") }

    /// A variable that cannot be read.
    init(_ error: NotText) { self.init(.usage, "the variable \(error.variable) is not UTF-8 text") }

    /// An exit code alone, where the answer is already printed.
    init(silent code: ExitCode) { self.init(code, "") }

    /// Prints it on standard error.
    func report(asJSON: Bool) {
        if message.isEmpty { return }
        if asJSON {
            var error: [(String, JSON)] = [
                ("code", .number(Int(code.rawValue))), ("message", .string(message)),
            ]
            if let hint { error.append(("hint", .string(hint))) }
            Output.note(JSON.object([("schema", .number(1)), ("error", .object(error))]).text)
        } else {
            Output.note("vault: error: \(message)")
            if let hint { Output.note("vault: hint: \(hint)") }
        }
    }
}

extension Environment {
    /// The value of a variable that must be text; nil if it is unset or empty.
    static func text(_ name: String) throws(Failure) -> String? {
        do throws(NotText) {
            guard let value = try value(name), !value.isEmpty else { return nil }
            return value
        } catch {
            throw Failure(error)
        }
    }
}
