internal import CommandSyntax
internal import Platform
internal import ProgramEnvironment
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
        let editor = try Editor.named()
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
        let after = try editor.edited(before, isQuiet: options.common.quiet)
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
}
