internal import Platform
package import Sodium
package import VaultCore

extension Assignments {
    /// The longest file that is read, in bytes: as much as fits into one transaction.
    private static let maxFileSize = 64 << 20

    /// Reads the names and values in `file`, or in standard input if that is `-`.
    ///
    /// - Parameters:
    ///   - isTaken: true if standard input is the passphrase.
    ///   - consequence: the end of each error about the content, such as `nothing was imported`.
    package static func read(
        file: String, as format: ImportFormat, standardInputIsTaken isTaken: Bool,
        orElse consequence: String
    ) throws(Failure) -> Assignments {
        let text = try Content.fileOrStandardInput(file, isTaken: isTaken, atMost: maxFileSize)
        do throws(UnreadableText) {
            return try text.withBytes { text throws(UnreadableText) in
                try Assignments.read(text, as: format)
            }
        } catch {
            throw Failure(error, in: file, isJSON: format == .json, consequence)
        }
    }
}

extension Content {
    /// Reads a file, or standard input if `path` is "-".
    ///
    /// - Parameter isTaken: true if standard input is the passphrase.
    package static func fileOrStandardInput(
        _ path: String, isTaken: Bool, atMost limit: Int
    ) throws(Failure) -> SecretBuffer {
        try Failure.refuseEmpty(path, "FILE")
        let tooLong = Failure(.other, "\(path) has more than \(limit >> 20) MiB")
        guard path == "-" else { return try file(path, atMost: limit, else: tooLong) }
        if isTaken {
            throw Failure(.usage, "standard input cannot be both the passphrase and the content")
        }
        return try standardInput(atMost: limit, else: tooLong)
    }
}

extension Failure {
    /// Throws if an operand that names a file is empty.
    package static func refuseEmpty(_ file: String, _ operand: String) throws(Failure) {
        if file.isEmpty { throw Failure(.usage, "operand \(operand) must be a file name") }
    }
}
