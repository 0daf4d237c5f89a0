package import Clipboard

extension ClipboardError: ReportableError {
    package func failure(about path: String) -> Failure {
        switch self {
        case .noProgram(let package):
            Failure(
                .other, "there is no program for the clipboard of this display",
                hint: "install \(package), or leave out --copy")
        case .noDisplay:
            Failure(
                .other, "there is no clipboard: neither a display nor a terminal that has one",
                hint: "install wl-clipboard or xclip on a desktop, or leave out --copy")
        case .notText:
            Failure(
                .notExpressible,
                "the clipboard takes only text, and the value is not UTF-8 or has a NUL byte",
                hint: "leave out --copy, and redirect the output")
        case .tooLong(let limit):
            Failure(
                .notExpressible, "the value is too long for a terminal's clipboard: more than \(limit) bytes",
                hint: "leave out --copy, and redirect the output")
        case .failed(let program, let message):
            Failure(.other, "\(program) cannot copy" + ClipboardError.reason(message))
        case .noMemory: .outOfMemory
        case .system(let error): Failure(error, "cannot copy")
        }
    }

    /// Returns the first line of what a program said, as the end of a sentence.
    private static func reason(_ message: String) -> String {
        let line = message.split(whereSeparator: \.isNewline).first ?? ""
        return line.isEmpty ? "" : ": \(line)"
    }
}
