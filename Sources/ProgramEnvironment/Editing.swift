package import Platform
package import Sodium
package import UserMessages
internal import VaultFile

extension Editor {
    /// Returns the value after a person edited it; a newline that the editor added at its end is removed.
    ///
    /// - Parameter isQuiet: true to say nothing of a file that other processes can open.
    package func edited(_ before: borrowing SecretBytes, isQuiet: Bool) throws(Failure) -> SecretBuffer {
        let endsInNewline = before.withBytes { $0.count > 0 && $0[$0.count - 1] == UInt8(ascii: "\n") }
        var after =
            opensElsewhere
            ? try editedInPrivateFile(before, isQuiet: isQuiet) : try editedInMemoryFile(before)
        if !endsInNewline { after.removeFinalNewline() }
        return after
    }

    private func editedInMemoryFile(
        _ before: borrowing SecretBytes
    ) throws(Failure) -> SecretBuffer {
        let file = try inWords("cannot edit", MemoryFile())
        defer { file.wipe() }
        try before.withBytes { value throws(Failure) in try inWords("cannot edit", file.write(value)) }
        try Editor.run(command, on: file.path)
        return try Content.file(file.path, atMost: Format.maxValue, else: .valueTooLong)
    }

    private func editedInPrivateFile(
        _ before: borrowing SecretBytes, isQuiet: Bool
    ) throws(Failure) -> SecretBuffer {
        // A signal that ends vault takes effect after the file was removed.
        try DeferredSignals.during { signals throws(Failure) in
            let file = try inWords("cannot edit", PrivateFile())
            defer {
                if !file.remove() { Output.warn("cannot remove \(Path.directory(of: file.path))") }
            }
            if !isQuiet {
                Output.warn(
                    "\(program) opens files in another process: until it is done, the value is in \(file.path), in memory"
                )
            }
            try before.withBytes { value throws(Failure) in try inWords("cannot edit", file.write(value)) }
            try Editor.run(command(for: file), on: file.path, signals)
            guard let edited = try inWords("cannot read \(file.path)", file.reopened()) else {
                throw Failure(.cancelled, "the editor left no regular file; nothing was set")
            }
            return try Content.file(edited, file.path, atMost: Format.maxValue, else: .valueTooLong)
        } orFail: {
            Failure($0, "cannot edit")
        }
    }

    private static func run(
        _ editor: String, on path: String, _ signals: DeferredSignals? = nil
    ) throws(Failure) {
        let status = try inWords("cannot edit") { () throws(Errno) in
            try ShellCommand.edit(
                path, with: editor, keeping: PassphraseVariables.others(), deferring: signals)
        }
        guard status == 0 else { throw Failure(.cancelled, "the editor failed; nothing was set") }
    }

    /// Returns the editor that the environment names, if it can edit a secret.
    package static func named() throws(Failure) -> Editor {
        var named = try Environment.text("VISUAL")
        if named == nil { named = try Environment.text("EDITOR") }
        let command = named ?? "vi"
        let editor = Editor(command)
        if let option = editor.missingOption {
            throw Failure(
                .usage, "\(editor.program) does not wait until the file is closed; nothing was set",
                hint: "export VISUAL=\(Hint.quoted(path: command + " " + option))")
        }
        if let option = editor.unwantedOption {
            throw Failure(
                .usage,
                "with \(option), \(editor.program) does not wait until the file is closed; nothing was set",
                hint: "export VISUAL=\(editor.program)")
        }
        if editor.opensElsewhere, PrivateFile.runtimeDirectory == nil {
            throw Failure(
                .other,
                "\(editor.program) opens files in another process, and there is no directory in memory for it: $XDG_RUNTIME_DIR must be a tmpfs directory of yours with mode 700",
                hint: "edit in the terminal: export VISUAL=vi")
        }
        return editor
    }
}
