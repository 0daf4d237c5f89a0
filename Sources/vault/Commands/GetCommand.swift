internal import Clipboard
internal import CommandSyntax
internal import Platform
internal import Settings
internal import VaultCore
internal import UserMessages

/// The command `vault get`.
struct GetCommand: Command {
    var target = SecretSelector()
    var version: Int?
    var at: UInt64?
    var force = false
    var copy = false
    var clearAfter: UInt64?
    var options = VaultOptions()

    static let info = CommandInfo(
        name: "get", aliases: ["show"], usage: "[SCOPE [--id ID]] NAME",
        summary: "Print the value of a secret, or copy it to the clipboard",
        discussion: """
            Without a SCOPE, the effective value in the context is printed: the project's, else the cluster's,
            else the team's. With a SCOPE, only that scope is searched. A single operand is a NAME, even
            'team'.

            The bytes are printed exactly. On a terminal, a newline is added, and a value with control
            characters is printed only with --force.

            --version counts in the history of the secret that is effective now. --at prints the value that was
            effective at that time, even if it was deleted or shadowed since; with a SCOPE, the value in that
            scope.

            --at takes a date, which means its first moment, or a date and a time of day with or without
            seconds, in UTC. In each scope, it selects the newest version that 'vault history' shows with this time
            or an earlier one. A time with seconds includes the whole second.

            With --copy, the value goes to the clipboard and is not printed. On a display, vault uses wl-copy,
            xclip or xsel, and a process named vault-clipboard clears the clipboard after 45 seconds if it
            still holds the value. Over SSH, and where there is no display, the terminal gets the value by the
            control sequence OSC 52; vault can neither tell whether the terminal took it nor clear it.
            """,
        advice: { kind, words in
            if kind == .incomplete, words.contains("-c") { return "-c is --cluster ID; -C copies the value" }
            return SecretSelector.advice(kind, words)
        })

    mutating func declare(_ parameters: inout Parameters) {
        target.declare(&parameters, name: .required, isNameFirst: true)
        parameters.option(
            "--version", "N", "Print the value N versions back; 0 is the current one", &version,
            as: .number(in: 0...(.max)))
        parameters.option(
            "--at", "TIME", "Print the value at this time: 2026-03-01 or 2026-03-01T12:00Z (UTC)", &at,
            as: ValueFormat("a time such as 2026-03-01 or 2026-03-01T12:00Z") { UTCTimestamp.parse($0) })
        parameters.flag("-f --force", "Print control characters even to a terminal", &force)
        parameters.flag("-C --copy", "Copy the value to the clipboard instead of printing it", &copy)
        parameters.option(
            "--clear-after", "DURATION", "With --copy, clear the clipboard after this time (45s)",
            &clearAfter,
            as: .duration)
        options.declare(&parameters)
    }

    /// The time after which the clipboard is cleared.
    private static let clearAfter: UInt64 = 45_000

    func run() throws(Failure) {
        if version != nil, at != nil { throw Failure(.usage, "--version cannot be combined with --at") }
        if copy, force { throw Failure(.usage, "--copy cannot be combined with --force") }
        if !copy, clearAfter != nil { throw Failure(.usage, "--clear-after needs --copy") }
        let name = try target.checkedName()
        let scope = try target.scope(options)
        let current = scope == nil ? try CurrentContext(options.context) : nil
        let scopes = scope.map { [$0] } ?? current?.context.scopes ?? []
        let isNewest = version == nil && at == nil
        // Before vault asks for a passphrase.
        let clipboard = copy ? try findClipboard() : nil
        let vault = try options.openForReading(
            expecting: isNewest ? scopes.first.map { SecretID(name, in: $0) } : nil)
        var wasKnown = false
        for scope in scopes {
            let secret = SecretID(name, in: scope)
            let isPrinted =
                if let at {
                    try print(secret, at: at, of: vault, to: clipboard, &wasKnown)
                } else {
                    try print(
                        secret, isNewest: isNewest, isExplicit: current == nil, of: vault, to: clipboard)
                }
            if isPrinted { return options.noteEmptyScopes(before: scope, of: scopes, in: vault) }
        }
        let searched = scope?.described ?? current?.searched ?? ""
        if wasKnown {
            throw Failure(.noSuchSecret, "'\(name)' did not exist in \(searched) at that time")
        }
        throw absent(name, in: scopes, of: vault, replacing: target.typedScope(options))
    }

    /// Prints the version that was the newest at a time.
    ///
    /// - Parameter wasKnown: becomes true if the secret has any version.
    /// - Returns: false if the secret did not exist then.
    private func print(
        _ secret: SecretID, at time: UInt64, of vault: any Session, to clipboard: Clipboard?,
        _ wasKnown: inout Bool
    ) throws(Failure) -> Bool {
        let history = try options.during(vault.history(of: secret))
        if !history.isEmpty { wasKnown = true }
        guard let number = history.firstIndex(where: { $0.time <= time }), !history[number].isDeletion else {
            return false
        }
        return try print(secret, version: number, isNewest: false, of: vault, to: clipboard)
    }

    private func findClipboard() throws(Failure) -> Clipboard {
        let clipboard = try inWords { () throws(ClipboardError) in try Clipboard.find() }
        if clearAfter != nil, !clipboard.canBeCleared {
            throw Failure(
                .other, "vault cannot clear the clipboard of a terminal; nothing was copied",
                hint: "leave out --clear-after")
        }
        return clipboard
    }

    /// Copies a value to the clipboard.
    private func copy(
        _ value: Span<UInt8>, of secret: SecretID, to clipboard: Clipboard
    ) throws(Failure) {
        let time = clearAfter ?? GetCommand.clearAfter
        try inWords { () throws(ClipboardError) in try clipboard.copy(value, clearingAfter: time) }
        options.common.confirm(
            clipboard.canBeCleared
                ? "Copied '\(secret.name)' to the clipboard; it is cleared in \(time / 1000) s"
                : "Copied '\(secret.name)' to the clipboard of the terminal; vault cannot clear it")
    }

    /// Prints or copies the selected version of a secret.
    ///
    /// In an explicit scope, older versions of a deleted secret can be printed, too.
    ///
    /// - Returns: false if there is no such secret.
    private func print(
        _ secret: SecretID, isNewest: Bool, isExplicit: Bool, of vault: any Session, to clipboard: Clipboard?
    ) throws(Failure) -> Bool {
        // For the newest value, withValue itself tells whether the secret exists, which saves a request.
        if !isNewest {
            let exists = try options.during { () throws(VaultError) in
                if try vault.contains(secret) { return true }
                return isExplicit ? try !vault.history(of: secret).isEmpty : false
            }
            if !exists { return false }
        }
        return try print(secret, version: version ?? 0, isNewest: isNewest, of: vault, to: clipboard)
    }

    /// Prints a version of a secret.
    ///
    /// - Returns: false if the newest is wanted and there is no such secret.
    private func print(
        _ secret: SecretID, version number: Int, isNewest: Bool, of vault: any Session,
        to clipboard: Clipboard?
    ) throws(Failure) -> Bool {
        let printed: Result<Void, Failure>
        do throws(VaultError) {
            printed = try vault.withValue(of: secret, version: number) { value in
                Result { () throws(Failure) in
                    guard let clipboard else { return try GetCommand.print(value, force: force) }
                    try copy(value, of: secret, to: clipboard)
                }
            }
        } catch .noSuchSecret where isNewest {
            return false
        } catch .noSuchVersion {
            throw noVersion(number, of: secret, in: vault)
        } catch {
            throw Failure(error, path: try options.path())
        }
        try printed.get()
        if isNewest { options.noteExpired(secret, in: vault) }
        return true
    }

    private func noVersion(_ number: Int, of secret: SecretID, in vault: any Session) -> Failure {
        let history = (try? vault.history(of: secret)) ?? []
        let message =
            history.indices.contains(number)
            ? "version \(number) of \(secret.located) is its deletion and has no value"
            : "\(secret.located) has no version \(number)"
        return Failure(.noSuchSecret, message, hint: "see 'vault history \(secret.operands)'")
    }

    /// Writes a value to standard output: its exact bytes to a pipe or file, a line to a terminal.
    static func print(_ value: Span<UInt8>, force: Bool) throws(Failure) {
        guard Output.isTerminal else { return try Output.write(value) }
        if !force, hasControls(value) {
            throw Failure(
                .other, "the value contains control characters and was not printed to the terminal",
                hint: "add --force, or redirect the output")
        }
        try Output.write(value)
        if value.count == 0 || value[value.count - 1] != 0x0A { try Output.write("\n") }
    }

    /// Returns true if a terminal might interpret some of the bytes.
    ///
    /// Line ends and tabs are harmless.
    private static func hasControls(_ value: Span<UInt8>) -> Bool {
        let isText = (try? UTF8Span(validating: value)) != nil
        for index in value.indices {
            let byte = value[index]
            let next: UInt8 = index + 1 < value.count ? value[index + 1] : 0
            switch byte {
            case 0x09, 0x0A: continue
            case 0x0D where next == 0x0A: continue
            case 0x00..<0x20, 0x7F: return true
            // C1 controls in UTF-8, and as single bytes, which some terminals accept.
            case 0xC2 where (0x80...0x9F).contains(next): return true
            case 0x80...0x9F where !isText: return true
            default: continue
            }
        }
        return false
    }
}
