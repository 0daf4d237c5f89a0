internal import Platform
internal import UserMessages

/// A `.vault.toml` that is read only once, so that the bytes that are checked, shown, trusted and used are the same.
struct NearestContextFile {
    /// The canonical path of its directory, and its name.
    let path: String
    /// The parsed content, which must not be used unless it is trusted.
    let file: ContextFile
    private let content: [UInt8]

    private static let maxSize = 64 * 1024

    /// Finds the nearest file in the working directory or above it; nil if there is none.
    ///
    /// - Throws: as ``read(in:)``.
    static func find() throws(Failure) -> NearestContextFile? {
        for directory in try directories() {
            if let found = try read(in: directory) { return found }
        }
        return nil
    }

    /// The canonical paths of the working directory and those above it; none if it was removed.
    static func directories() throws(Failure) -> [String] {
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
    static func read(in directory: String) throws(Failure) -> NearestContextFile? {
        let path = Path.join(directory, ContextFile.name)
        let refusal: Failure?
        let content: [UInt8]?
        do throws(Errno) {
            let file = try InputFile(path, onlyRegular: true)
            refusal = try trustFailure(file, at: path)
            content = refusal == nil ? try file.readAll(limit: maxSize) : nil
        } catch .notDirectory {
            return nil
        } catch {
            // If the directory cannot be searched, the file is taken to be absent.
            if [.noSuchFile, .permissionDenied].contains(error), (try? Path.owner(of: path)) == nil {
                return nil
            }
            switch error {
            case .noSuchFile:
                throw Failure(.usage, "\(path) is a dangling symbolic link", hint: noContext)
            case .isDirectory, .invalidArgument, .noDevice:
                throw Failure(.usage, "\(path) is not a regular file", hint: noContext)
            case .permissionDenied, .tooManyLinks:
                throw Failure(.usage, "cannot read \(path): \(error)", hint: noContext)
            default:
                throw Failure(error, "cannot read \(path)", hint: noContext)
            }
        }
        if let refusal { throw refusal }
        guard let content, let text = String(validating: content, as: UTF8.self) else {
            throw Failure(.usage, "\(path): too long, or not UTF-8 text", hint: noContext)
        }
        do throws(TOMLError) {
            return NearestContextFile(path: path, file: try ContextFile.parse(text), content: content)
        } catch {
            throw Failure(.usage, "\(path): line \(error.line): \(error.message)", hint: noContext)
        }
    }

    /// The reason not to trust an open file whatever its content; nil if there is none.
    private static func trustFailure(_ file: borrowing InputFile, at path: String) throws(Errno) -> Failure? {
        let user = CurrentProcess.userID
        // The owner of a symbolic link chose its target.
        let owners = [file.owner, try Path.owner(of: path)]
        guard owners.allSatisfy([0, user].contains) else {
            return Failure(.usage, "\(path) belongs to another user", hint: noContext)
        }
        guard file.isWritableByOthers else { return nil }
        return Failure(
            .usage, "\(path) can be written by others",
            hint: [0, file.owner].contains(user) ? "chmod go-w \(Hint.quoted(path: path))" : noContext)
    }

    /// The hint for commands other than `trust`, which can do without the file.
    static let noContext: Hint = "add --no-context"
}

extension NearestContextFile {
    /// Throws unless the file is trusted, or the user agrees on the terminal to trust it.
    func requireTrust() throws(Failure) {
        guard let refusal = try refusal() else { return }
        guard Prompt.isPossible else { throw refusal }
        let state = Output.visible(refusal.message)
        do throws(Failure) {
            try Prompt.confirm(after: "\(state). It contains:\n\n\(shown)\n", "Trust it (\(file.summary))?")
        } catch {
            throw Failure(
                error.code, error.message, hint: error.code == .cancelled ? Self.noContext : error.hint)
        }
        try trust()
    }

    /// The reason not to use the file; nil if it is trusted.
    func refusal() throws(Failure) -> Failure? {
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
    func trust() throws(Failure) {
        let store = try TrustStore.required()
        try inWords(
            "cannot record that \(path) is trusted: \(store.directory)", store.trust(content.span, at: path))
    }

    /// The lines of the content, with control characters escaped.
    private var shown: String {
        var lines = content.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        if lines.last?.isEmpty == true { lines.removeLast() }
        return lines.reduce(into: "") {
            $0 += "    \(Output.visible(String(decoding: $1, as: UTF8.self)))\n"
        }
    }
}
