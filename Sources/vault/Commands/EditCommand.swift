internal import CommandSyntax
internal import Platform
internal import Sodium
internal import VaultFile
internal import VaultCore
internal import UserMessages

/// The command `vault edit`.
struct EditCommand: Command {
    var target = SecretSelector()
    var allowEmpty = false
    var options = VaultOptions()

    static let info = CommandInfo(
        name: "edit", usage: "[SCOPE [--id ID]] NAME", summary: "Change a secret in an editor",
        discussion: """
            The editor is $VISUAL, else $EDITOR, else vi. It opens a file that exists only in memory, so the
            value is never written to disk. vault tells vim and nvim to keep no swap, backup or undo file;
            other editors may need settings for that. The editor must write the file in place. A secret that
            does not exist yet starts empty.

            Some editors, such as code, subl, kate and emacsclient, have the file opened by another process.
            They get a file, mode 0600, in a directory of its own in $XDG_RUNTIME_DIR, which must be yours
            alone and in memory (tmpfs). vault says so, and wipes and removes that directory afterwards.
            Such an editor must wait until the file is closed, as 'code --wait' does.

            If the editor fails or changes nothing, nothing is set. If the value did not end in a newline, the
            one that the editor adds is removed.
            """,
        advice: SecretSelector.advice)

    mutating func declare(_ parameters: inout Parameters) {
        target.declare(&parameters, name: .required, completing: .dynamic("present"))
        parameters.flag("--allow-empty", "Allow an empty value", &allowEmpty)
        options.declare(&parameters)
    }

    func run() throws(Failure) {
        let secret = try target.secretToChange(options)
        if Prompt.isForbidden { throw Failure(.locked, Prompt.cannotAsk(for: "the value")) }
        let editor = try EditCommand.editor()
        let isSet = try options.change { vault throws(Failure) in try edit(secret, in: vault, with: editor) }
        if !isSet, editor.isSandboxed, !options.common.quiet {
            Output.hint("if you changed it, \(editor.program) cannot reach the file: export VISUAL=vi")
        }
        options.common.confirm(isSet ? "Set \(secret.located)" : "Nothing changed: \(secret.located)")
    }

    /// - Returns: true if the editor changed the value.
    private func edit(
        _ secret: SecretID, in vault: any Session, with editor: Editor
    ) throws(Failure) -> Bool {
        let newest = try options.during(vault.history(of: secret)).first
        let exists = newest?.isDeletion == false
        if !exists {
            options.noteNewScope(secret.scope, in: vault)
            try noteNew(secret, in: vault)
        }
        let before =
            exists
            ? try options.during(vault.value(of: secret, version: 0))
            : try allocating(SecretBytes(count: 0))
        let after = try edited(before, with: editor)
        let isSame = before.withBytes { old in after.withBytes { old.isEqualInConstantTime(to: $0) } }
        if isSame { return false }
        if after.count > Format.maxValue { throw .valueTooLong }
        if after.count == 0, !allowEmpty {
            throw Failure(
                .usage, "the value is empty; nothing was set", hint: "add --allow-empty if that is intended")
        }
        try after.withBytes { value throws(Failure) in
            try options.during(changing: secret) { () throws(VaultError) in
                var changes = try Changes()
                try changes.require(secret, newest: newest)
                try changes.set(secret, to: value)
                do throws(VaultError) {
                    try vault.commit(changes)
                } catch .file(.changedMeanwhile) {
                    // The other change stays in the history, and the work of the person is not lost.
                    Output.warn(
                        "\(secret.located) was changed while you edited it; your value replaces that change")
                    Output.hint("'vault history \(secret.operands)' lists it")
                    try vault.set(secret.name, in: secret.scope, to: value)
                }
            }
        }
        return true
    }

    /// Says that a secret does not exist yet, and where there is one of its name.
    private func noteNew(_ secret: SecretID, in vault: any Session) throws(Failure) {
        if options.common.quiet { return }
        let others = try options.during(vault.secrets()).filter { $0.name == secret.name }
        let places = others.prefix(3).map(\.scope.described).joined(separator: ", ")
        let elsewhere = places.isEmpty ? "" : "; it exists in \(places)"
        Output.note("vault: '\(secret.name)' is new in \(secret.scope.described)\(elsewhere)")
    }

    private func edited(
        _ before: borrowing SecretBytes, with editor: Editor
    ) throws(Failure) -> SecretBuffer {
        let endsInNewline = before.withBytes { $0.count > 0 && $0[$0.count - 1] == UInt8(ascii: "\n") }
        var after =
            editor.opensElsewhere
            ? try editedInPrivateFile(before, with: editor)
            : try EditCommand.editedInMemoryFile(before, with: editor)
        if !endsInNewline { after.removeFinalNewline() }
        return after
    }

    private static func editedInMemoryFile(
        _ before: borrowing SecretBytes, with editor: Editor
    ) throws(Failure) -> SecretBuffer {
        let file = try inWords("cannot edit", MemoryFile())
        defer { file.wipe() }
        try before.withBytes { value throws(Failure) in try inWords("cannot edit", file.write(value)) }
        try run(editor.command, on: file.path)
        return try Content.file(file.path, atMost: Format.maxValue, else: .valueTooLong)
    }

    private func editedInPrivateFile(
        _ before: borrowing SecretBytes, with editor: Editor
    ) throws(Failure) -> SecretBuffer {
        // A signal that ends vault takes effect after the file was removed.
        try DeferredSignals.during { signals throws(Failure) in
            let file = try inWords("cannot edit", PrivateFile())
            defer {
                if !file.remove() { Output.warn("cannot remove \(Path.directory(of: file.path))") }
            }
            if !options.common.quiet {
                Output.warn(
                    "\(editor.program) opens files in another process: until it is done, the value is in \(file.path), in memory"
                )
            }
            try before.withBytes { value throws(Failure) in try inWords("cannot edit", file.write(value)) }
            try EditCommand.run(editor.command(for: file), on: file.path, signals)
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
            try ShellCommand.edit(path, with: editor, keeping: Passphrase.keptVariables(), deferring: signals)
        }
        guard status == 0 else { throw Failure(.cancelled, "the editor failed; nothing was set") }
    }

    /// Returns the editor that the environment names, if it can edit a secret.
    private static func editor() throws(Failure) -> Editor {
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
