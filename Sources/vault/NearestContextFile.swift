internal import Platform
internal import UserMessages

/// A `.vault.toml` as it was read once: what is judged, shown, trusted and obeyed are the same bytes.
struct NearestContextFile {
    /// Where it lies: the canonical path of its directory, and its name.
    let path: String
    /// What it says, which counts for nothing unless it is trusted.
    let file: ContextFile
    private let content: [UInt8]

    private static let maxSize = 64 * 1024

    /// The nearest file in the working directory or above; nil if there is none.
    ///
    /// - Throws: if there is one that nobody should trust, as ``read(in:)``.
    static func find() throws(Failure) -> NearestContextFile? {
        for directory in try directories() {
            if let found = try read(in: directory) { return found }
        }
        return nil
    }

    /// The canonical paths of the working directory and those above it; none if it is not there any more.
    static func directories() throws(Failure) -> [String] {
        var directories: [String] = []
        do throws(Errno) {
            var directory = try Path.workingDirectory()
            // One that was moved out of what this process sees has a name that leads nowhere.
            while directory.hasPrefix("/"), directory != directories.last {
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

    /// The file in a directory, whose path is canonical; nil if there is none.
    ///
    /// - Throws: if others can write it, or it is somebody else's, cannot be read, or is damaged.
    static func read(in directory: String) throws(Failure) -> NearestContextFile? {
        let path = Path.join(directory, ContextFile.name)
        let refusal: Failure?
        let content: [UInt8]?
        do throws(Errno) {
            let file = try InputFile(path, onlyRegular: true)
            refusal = try trustFailure(file, at: path)
            content = refusal == nil ? try file.readAll(limit: maxSize) : nil
        } catch .noSuchFile where (try? Path.owner(of: path)) == nil {
            return nil
        } catch .notDirectory {
            return nil
        } catch .noSuchFile {
            throw Failure(.usage, "\(path) is a symbolic link that leads nowhere", hint: noContext)
        } catch .isDirectory, .invalidArgument, .noDevice {
            throw Failure(.usage, "\(path) is not a regular file", hint: noContext)
        } catch .permissionDenied where (try? Path.owner(of: path)) == nil {
            // A directory that hides whether there is one is no business of ours.
            return nil
        } catch {
            guard [.permissionDenied, .tooManyLinks].contains(error) else {
                throw Failure(error, "cannot read \(path)", hint: noContext)
            }
            throw Failure(.usage, "cannot read \(path): \(error)", hint: noContext)
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

    /// Why nobody should trust an open file, whatever it says.
    private static func trustFailure(_ file: borrowing InputFile, at path: String) throws(Errno) -> Failure? {
        let user = CurrentProcess.userID
        // Whoever owns a link chose what it leads to.
        let owners = [file.owner, try Path.owner(of: path)]
        guard owners.allSatisfy([0, user].contains) else {
            return Failure(.usage, "\(path) belongs to another user", hint: noContext)
        }
        guard file.isWritableByOthers else { return nil }
        return Failure(
            .usage, "\(path) can be written by others",
            hint: [0, file.owner].contains(user) ? "chmod go-w \(Hint.quoted(path: path))" : noContext)
    }

    /// What other commands than `trust` can do where a file is in the way.
    static let noContext: Hint = "add --no-context"
}

extension NearestContextFile {
    /// Makes sure that it is trusted: a person at a terminal is asked, anybody else told what to do.
    func requireTrust() throws(Failure) {
        guard let refusal = try refusal() else { return }
        guard Prompt.isPossible else { throw refusal }
        let state = Output.visible(refusal.message)
        do throws(Failure) {
            try Prompt.confirm(after: "\(state). It says:\n\n\(shown)\n", "Trust it (\(file.summary))?")
        } catch {
            throw Failure(
                error.code, error.message, hint: error.code == .cancelled ? Self.noContext : error.hint)
        }
        try trust()
    }

    /// Why nothing may be taken from it; nil if it is trusted.
    func refusal() throws(Failure) -> Failure? {
        let verdict: TrustStore.Verdict
        let store = TrustStore.user
        do throws(Errno) {
            verdict = try store?.verdict(on: content.span, at: path) ?? .new
        } catch {
            throw Failure(
                error, "cannot tell whether \(path) is trusted: \(store?.directory ?? "")",
                hint: Self.noContext)
        }
        if verdict == .trusted { return nil }
        return Failure(
            .usage, "\(path) \(verdict == .new ? "is not trusted" : "has changed since it was trusted")",
            hint: "vault trust \(Hint.quoted(path: Path.directory(of: path)))")
    }

    /// Trusts it as it was read.
    func trust() throws(Failure) {
        let store = try TrustStore.required()
        do throws(Errno) {
            try store.trust(content.span, at: path)
        } catch {
            throw Failure(error, "cannot save that \(path) is trusted: \(store.directory)")
        }
    }

    /// The lines of the content, without anything that could steer a terminal.
    private var shown: String {
        var lines = content.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        if lines.last?.isEmpty == true { lines.removeLast() }
        return lines.reduce(into: "") {
            $0 += "    \(Output.visible(String(decoding: $1, as: UTF8.self)))\n"
        }
    }
}
