internal import Platform

/// Data goes to standard output, everything else to standard error.
package enum Output {
    package static var isTerminal: Bool { InheritedDescriptor.standardOutput.isTerminal }

    /// Writes data.
    package static func write(_ text: String) throws(Failure) { try write(Array(text.utf8).span) }

    /// Writes data.
    ///
    /// A reader that went away, as `head` does, is no error unless all of it matters.
    package static func write(_ bytes: Span<UInt8>, isWhole: Bool = false) throws(Failure) {
        do throws(Errno) {
            try InheritedDescriptor.standardOutput.writeAll(bytes)
        } catch .brokenPipe where !isWhole {
            return
        } catch {
            throw Failure(error, "cannot write to standard output")
        }
    }

    /// Writes data to a file that was named, or else to standard output, where all of it matters.
    package static func write(_ bytes: Span<UInt8>, to file: String?) throws(Failure) {
        guard let file, file != "-" else { return try write(bytes, isWhole: true) }
        do throws(OutputFile.Refusal) {
            if try OutputFile.write(bytes, to: file) { warnOfOthers(file) }
        } catch {
            switch error {
            case .system(let error): throw Failure(error, "cannot write \(file)")
            case .danglingLink: throw Failure(.other, "\(file) is a symbolic link that leads nowhere")
            case .foreign: throw Failure(.other, "\(file) belongs to another user, who could read it")
            }
        }
    }

    /// Says of a file that was made for its owner alone that its file system did not do that.
    package static func warnOfOthers(_ path: String) {
        warn("other users can get at \(path): its file system does not keep the mode 0600")
        hint("mount it with umask=077, or keep the file on another one")
    }

    /// Writes a line for a person.
    ///
    /// If nobody can read it, there is nobody to tell.
    package static func note(_ line: String) {
        try? InheritedDescriptor.standardError.writeAll(Array((visible(line) + "\n").utf8).span)
    }

    /// Writes a warning for a person.
    package static func warn(_ text: String) { note("vault: warning: \(text)") }

    /// Writes what a person can do.
    package static func hint(_ hint: Hint) { note("vault: hint: " + hint.text) }

    /// `text` without what could steer a terminal: control characters become `\u{…}`.
    package static func visible(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: isControl) else { return text }
        return text.unicodeScalars.reduce(into: "") { result, scalar in
            result += isControl(scalar) ? "\\u{\(String(scalar.value, radix: 16))}" : String(scalar)
        }
    }

    /// Whether a character could steer a terminal, or change the order in which others are shown.
    static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
            || (0x202A...0x202E).contains(scalar.value)
            || (0x2066...0x2069).contains(scalar.value)
    }
}
