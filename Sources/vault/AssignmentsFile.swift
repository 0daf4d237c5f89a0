internal import Platform
internal import Sodium
internal import VaultCore
internal import UserMessages

extension Assignments {
    /// The longest file that is read, in bytes: as much as fits into one transaction.
    private static let maxFileSize = 64 << 20

    /// Reads the names and values in `file`, or in standard input if that is `-`.
    ///
    /// - Parameters:
    ///   - passphrase: the sources of the passphrase, which cannot be standard input as well.
    ///   - consequence: the end of each error about the content, such as `nothing was imported`.
    static func read(
        file: String, as format: ImportFormat, _ passphrase: PassphraseOptions, orElse consequence: String
    ) throws(Failure) -> Assignments {
        let text = try Content.fileOrStandardInput(file, passphrase, atMost: maxFileSize)
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
    static func fileOrStandardInput(
        _ path: String, _ passphrase: PassphraseOptions, atMost limit: Int
    ) throws(Failure) -> SecretBuffer {
        try Failure.refuseEmpty(path, "FILE")
        let tooLong = Failure(.other, "\(path) has more than \(limit >> 20) MiB")
        guard path == "-" else { return try file(path, atMost: limit, else: tooLong) }
        if passphrase.descriptor == 0 {
            throw Failure(.usage, "standard input cannot be both the passphrase and the content")
        }
        return try standardInput(atMost: limit, else: tooLong)
    }
}
