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

            If the editor fails or changes nothing, nothing is set. If the value did not end in a newline, the
            one that the editor adds is removed.
            """)

    mutating func declare(_ parameters: inout Parameters) {
        target.declare(&parameters, name: .required)
        parameters.flag("--allow-empty", "Allow an empty value", &allowEmpty)
        options.declare(&parameters)
    }

    func run() throws(Failure) {
        let secret = try target.secretToChange(options)
        let editor = try EditCommand.editor()
        let isSet = try options.change { vault throws(Failure) in try edit(secret, in: vault, with: editor) }
        options.common.confirm(isSet ? "Set \(secret.located)" : "Nothing changed: \(secret.located)")
    }

    /// - Returns: true if the editor changed the value.
    private func edit(
        _ secret: SecretID, in vault: any Session, with editor: String
    ) throws(Failure) -> Bool {
        let exists = try options.during(vault.contains(secret))
        if !exists, !options.common.quiet {
            Output.note("vault: '\(secret.name)' is new in \(secret.scope.described)")
        }
        let before =
            exists
            ? try options.during(vault.value(of: secret, version: 0))
            : try allocating(SecretBytes(count: 0))
        let after = try EditCommand.edited(before, with: editor)
        let isSame = before.withBytes { old in after.withBytes { old.isEqualInConstantTime(to: $0) } }
        if isSame { return false }
        if after.count > Format.maxValue { throw .valueTooLong }
        if after.count == 0, !allowEmpty {
            throw Failure(
                .usage, "the value is empty; nothing was set", hint: "add --allow-empty if that is intended")
        }
        try after.withBytes { value throws(Failure) in
            try options.during(changing: secret, vault.set(secret.name, in: secret.scope, to: value))
        }
        return true
    }

    private static func edited(
        _ before: borrowing SecretBytes, with editor: String
    ) throws(Failure) -> SecretBuffer {
        let endsInNewline = before.withBytes { $0.count > 0 && $0[$0.count - 1] == UInt8(ascii: "\n") }
        var after = try allocating(SecretBuffer(capacity: 4000))
        let status: Int32?
        do throws(Errno) {
            let file = try MemoryFile()
            defer { file.wipe() }
            try before.withBytes { value throws(Errno) in try file.write(value) }
            status = try ShellCommand.edit(file.path, with: editor, keeping: Passphrase.keptVariables())
            try file.rewind()
            while status == 0, after.count <= Format.maxValue + 1 {
                guard (try? after.reserve(4096)) != nil else { throw Errno.noMemory }
                let count = try after.appendInPlace { free throws(Errno) in try file.read(into: &free) }
                if count == 0 { break }
            }
        } catch {
            throw Failure(error, "cannot edit")
        }
        guard status == 0 else { throw Failure(.cancelled, "the editor failed; nothing was set") }
        if !endsInNewline { after.removeFinalNewline() }
        return after
    }

    /// Returns the command line of the editor.
    private static func editor() throws(Failure) -> String {
        var named = try Environment.text("VISUAL")
        if named == nil { named = try Environment.text("EDITOR") }
        let editor = named ?? "vi"
        var program = Path.name(of: String(editor.split(separator: " ").first ?? ""))
        // `vi` may be a link to vim. Other programs of that name do not know vim's options.
        if program == "vi" || program == "view", let target = try? Path.resolvingLinks("/usr/bin/\(program)")
        {
            program = Path.name(of: target)
        }
        let isVim = program == "nvim" || program == "vim" || program.hasPrefix("vim.")
        let leaveNoFiles = " -n -i NONE --cmd 'set noswapfile nobackup nowritebackup noundofile'"
        return isVim ? editor + leaveNoFiles : editor
    }
}
