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
        switch shell {
        case .bash: try Output.write(CompletionsCommand.bash)
        case .zsh: try Output.write(CompletionsCommand.zsh)
        case .fish: try Output.write(CompletionsCommand.fish)
        }
    }

    /// bash breaks words at `=`: the script joins `--option=value` again before it calls `vault complete`, and
    /// removes the part before the `=` from each answer.
    private static let bash = #"""
        _vault() {
            local words=() word line lead=""
            for word in "${COMP_WORDS[@]:1:COMP_CWORD}"; do
                if [[ ${#words[@]} -gt 0 && ( $word == = || ${words[-1]} == --*= ) && ${words[-1]} == --* ]]; then
                    words[-1]+=$word
                else
                    words+=("$word")
                fi
            done
            [[ ${words[-1]} == --*=* && $COMP_WORDBREAKS == *=* ]] && lead="${words[-1]%%=*}="
            COMPREPLY=()
            while IFS= read -r line; do
                case $line in
                    :files) COMPREPLY+=($(compgen -f -- "${words[-1]#"$lead"}")); compopt -o filenames ;;
                    :commands) COMPREPLY+=($(compgen -c -- "${words[-1]#"$lead"}")) ;;
                    *) line=${line%%$'\t'*}; COMPREPLY+=("${line#"$lead"}") ;;
                esac
            done < <(command vault complete -- "${words[@]}" 2>/dev/null)
        }
        complete -F _vault vault

        """#

    private static let zsh = #"""
        #compdef vault
        _vault() {
            local -a lines found
            local line
            lines=("${(@f)$(command vault complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)}")
            for line in $lines; do
                case $line in
                    :files) _files ;;
                    :commands) _command_names -e ;;
                    *) found+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}") ;;
                esac
            done
            (( $#found )) && _describe -V vault found
        }
        if [[ ${funcstack[1]} == _vault ]]; then _vault "$@"; else compdef _vault vault; fi

        """#

    private static let fish = #"""
        function __vault_complete
            set -l words (commandline -opc) (commandline -ct)
            for line in (command vault complete -- $words[2..-1] 2>/dev/null)
                switch $line
                    case :files
                        __fish_complete_path (commandline -ct)
                    case :commands
                        __fish_complete_command
                    case '*'
                        printf '%s\n' $line
                end
            end
        end
        complete -c vault -f -a '(__vault_complete)'

        """#
}
