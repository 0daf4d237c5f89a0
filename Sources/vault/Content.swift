internal import Platform
internal import Sodium
internal import UserMessages

/// Bytes that may be secret, from where somebody said they are.
enum Content {
    /// A file as it is.
    ///
    /// - Parameter refusal: what to fail with when there are more than `limit` bytes.
    static func file(
        _ path: String, atMost limit: Int, else refusal: @autoclosure () -> Failure
    ) throws(Failure) -> SecretBuffer {
        let input = try InputFile.open(path, path)
        let expected = min(input.byteCount, limit)
        return try readAll("cannot read \(path)", limit, expecting: expected, refusal) { span throws(Errno) in
            try input.read(into: &span)
        }
    }

    /// Standard input as it is.
    ///
    /// - Parameter refusal: what to fail with when there are more than `limit` bytes.
    static func standardInput(
        atMost limit: Int, else refusal: @autoclosure () -> Failure
    ) throws(Failure) -> SecretBuffer {
        try readAll("cannot read standard input", limit, refusal) { span throws(Errno) in
            try InheritedDescriptor.standardInput.read(into: &span)
        }
    }

    /// A file, or standard input if `path` is "-".
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

    private static func readAll(
        _ failure: String, _ limit: Int, expecting expected: Int = 0, _ refusal: () -> Failure,
        _ read: (inout MutableSpan<UInt8>) throws(Errno) -> Int
    ) throws(Failure) -> SecretBuffer {
        // One byte more, so that the end is seen without making room.
        var buffer = try inWords { () throws(SodiumError) in
            try SecretBuffer(capacity: max(4000, expected + 1))
        }
        while true {
            try inWords { () throws(SodiumError) in try buffer.reserve(1) }
            do throws(Errno) {
                if try buffer.appendInPlace(read) == 0 { return buffer }
            } catch {
                throw Failure(error, failure)
            }
            if buffer.count > limit { throw refusal() }
        }
    }
}
