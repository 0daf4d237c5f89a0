internal import CommandSyntax
internal import UserMessages

/// The command `vault completions`.
struct CompletionsCommand: Command {
    /// A shell for which there is a completion script.
    enum Shell: String, CaseIterable, Sendable {
        case bash, zsh, fish
    }

    var shell = Shell.bash

    static let info = CommandInfo(
        name: "completions", usage: "bash|zsh|fish", summary: "Print a shell completion script",
        discussion: """
            The script completes commands, options and scopes and, while the vault is unlocked, names and ids.
            It never asks for a passphrase.

              bash   source <(vault completions bash)       in ~/.bashrc
              zsh    source <(vault completions zsh)        in ~/.zshrc, after compinit
              fish   vault completions fish | source        in ~/.config/fish/config.fish
            """)

    mutating func declare(_ parameters: inout Parameters) {
        parameters.operand("SHELL", "bash, zsh or fish", &shell, as: .oneOf)
    }

    func run() throws(Failure) {
        let script =
            switch shell {
            // bash breaks words at `=`: the script joins `--option=value` again before it calls `vault
            // complete`, and removes the part before the `=` from each answer.
            case .bash: PackageResources.vault_bash
            case .zsh: PackageResources.vault_zsh
            case .fish: PackageResources.vault_fish
            }
        try Output.write(script.span)
    }
}
