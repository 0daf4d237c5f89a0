package import Platform
package import Sodium

/// Reads files and standard input into guarded memory.
package enum Content {
    /// Reads a file.
    ///
    /// - Parameter refusal: the error if there are more than `limit` bytes.
    package static func file(
        _ path: String, atMost limit: Int, else refusal: @autoclosure () -> Failure
    ) throws(Failure) -> SecretBuffer {
        let input = try inWords("cannot read \(path)", InputFile(path))
        return try file(input, path, atMost: limit, else: refusal())
    }

    /// Reads an open file, whose path is only for messages.
    package static func file(
        _ input: consuming InputFile, _ path: String, atMost limit: Int,
        else refusal: @autoclosure () -> Failure
    ) throws(Failure) -> SecretBuffer {
        try readAll(path, limit, expecting: min(input.byteCount, limit), refusal) {
            span throws(Errno) in
            try input.read(into: &span)
        }
    }

    /// Reads standard input.
    ///
    /// - Parameter refusal: the error if there are more than `limit` bytes.
    package static func standardInput(
        atMost limit: Int, else refusal: @autoclosure () -> Failure
    ) throws(Failure) -> SecretBuffer {
        try readAll("standard input", limit, refusal) { span throws(Errno) in
            try InheritedDescriptor.standardInput.read(into: &span)
        }
    }

    private static func readAll(
        _ what: String, _ limit: Int, expecting expected: Int = 0, _ refusal: () -> Failure,
        _ read: (inout MutableSpan<UInt8>) throws(Errno) -> Int
    ) throws(Failure) -> SecretBuffer {
        // With one byte more, the end is found without another allocation.
        var buffer = try allocating(SecretBuffer(capacity: max(4000, expected + 1)))
        while true {
            try allocating(buffer.reserve(1))
            let count = try inWords("cannot read \(what)", buffer.appendInPlace(read))
            if count == 0 { return buffer }
            if buffer.count > limit { throw refusal() }
        }
    }
}
