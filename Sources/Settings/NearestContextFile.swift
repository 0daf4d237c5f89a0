internal import Platform
internal import TOML
package import UserMessages

/// The `.vault.toml` that applies in a directory.
package struct NearestContextFile {
    /// The canonical path of its directory, and its name.
    package let path: String
    /// The parsed content, which must not be used unless it is trusted.
    package let file: ContextFile
    private let content: [UInt8]

    /// Finds the nearest file in the working directory or above it; nil if there is none.
    ///
    /// - Throws: as ``read(in:)``.
    package static func find() throws(Failure) -> NearestContextFile? {
        for directory in try directories() {
            if let found = try read(in: directory) { return found }
        }
        return nil
    }

    /// The canonical paths of the working directory and those above it; none if it was removed.
    package static func directories() throws(Failure) -> [String] {
        var directories: [String] = []
        do throws(Errno) {
            var directory = try Path.workingDirectory()
            // The name of a directory outside this process's root does not begin with a slash.
            while Path.isAbsolute(directory), directory != directories.last {
                directories.append(directory)
                directory = Path.directory(of: directory)
            }
        } catch .noSuchFile {
            return []
        } catch {
            let reason = error == .notText ? "the working directory's name is not UTF-8 text" : "\(error)"
            throw Failure(.other, "cannot look for \(ContextFile.name): \(reason)", hint: noContext)
        }
        return directories
    }

    /// Reads the file in a directory, whose path is canonical; nil if there is none.
    ///
    /// - Throws: if others can write it, or it belongs to another user, cannot be read, or is malformed.
    package static func read(in directory: String) throws(Failure) -> NearestContextFile? {
        let path = Path.join(directory, ContextFile.name)
        guard let settings = try SettingsFile.read(path, remedy: noContext) else { return nil }
        do throws(TOMLError) {
            return NearestContextFile(
                path: path, file: try ContextFile(settings.table), content: settings.content)
        } catch {
            throw Failure(error, in: path, remedy: noContext)
        }
    }

    /// The hint for commands other than `trust`, which can do without the file.
    package static var noContext: Hint { "add --no-context" }
}

extension NearestContextFile {
    /// The reason not to use the file; nil if it is trusted.
    package func refusal() throws(Failure) -> Failure? {
        let store = TrustStore.user
        let verdict = try inWords(
            "cannot tell whether \(path) is trusted: \(store?.directory ?? "")", hint: Self.noContext
        ) { () throws(Errno) in
            try store?.verdict(on: content.span, at: path) ?? .new
        }
        if verdict == .trusted { return nil }
        return Failure(
            .usage, "\(path) \(verdict == .new ? "is not trusted" : "has changed since it was trusted")",
            hint: "vault trust \(Hint.quoted(path: Path.directory(of: path)))")
    }

    /// Trusts the file with this content.
    package func trust() throws(Failure) {
        let store = try TrustStore.required()
        try inWords(
            "cannot record that \(path) is trusted: \(store.directory)", store.trust(content.span, at: path))
    }

    /// The lines of the content, with control characters escaped.
    package var shown: String {
        var lines = content.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        if lines.last?.isEmpty == true { lines.removeLast() }
        return lines.reduce(into: "") {
            $0 += "    \(Output.visible(String(decoding: $1, as: UTF8.self)))\n"
        }
    }
}
