internal import CommandSyntax
internal import VaultKit
internal import UserMessages

/// The verb `vault completions`.
struct PrintCompletions: Command {
    /// A shell that can be taught to complete words.
    enum Shell: String, CaseIterable, Sendable {
        case bash, zsh, fish
    }

    var shell = Shell.bash

    static let info = CommandInfo(
        name: "completions", usage: "bash|zsh|fish",
        summary: "Print what teaches a shell to complete vault's words",
        discussion: """
            Commands, options, scopes, and while the vault is unlocked names and ids too; a locked vault is never asked for.

              bash   source <(vault completions bash)       in ~/.bashrc
              zsh    source <(vault completions zsh)        in ~/.zshrc, behind compinit
              fish   vault completions fish | source        in ~/.config/fish/config.fish
            """)

    mutating func declare(_ parameters: inout Parameters) {
        parameters.operand("SHELL", "bash, zsh or fish", &shell, as: .oneOf)
    }

    func run() throws(Failure) {
        switch shell {
        case .bash: try Output.write(PrintCompletions.bash)
        case .zsh: try Output.write(PrintCompletions.zsh)
        case .fish: try Output.write(PrintCompletions.fish)
        }
    }

    /// The shell's own idea of words breaks at `=`; they are joined again for the question, and the answer is cut.
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

/// The hidden verb `vault complete`: what the shells ask on each press of the key.
struct Complete: Command {
    var words: [String] = []

    static let info = CommandInfo(
        name: "complete", summary: "Name what can stand in the place of the last word",
        discussion: """
            One a line, with a tab and what it means; ':files' and ':commands' leave it to the shell. It asks for nothing, and says \
            nothing about what is wrong.
            """,
        isHidden: true, stopsAtFirstOperand: true)

    mutating func declare(_ parameters: inout Parameters) {
        parameters.operands("WORD", "The words behind 'vault', the last one unfinished", &words)
    }

    var verbatimArguments: Int { words.count }

    func run() throws(Failure) {
        let result = CommandTable.program.completions(of: words)
        var lines = result.words.map { word in
            result.lead + word.text + (word.summary.isEmpty ? "" : "\t" + word.summary)
        }
        if !result.dynamic.isEmpty {
            let typed = result.typed
            lines += known(result).filter { $0.utf8.starts(with: typed.utf8) }.map { result.lead + $0 }
        }
        if result.isFile { lines.append(":files") }
        if result.isCommand { lines.append(":commands") }
        try Output.write(lines.map { $0 + "\n" }.joined())
    }

    /// Names and ids, as the agent tells them; nothing if the vault is locked.
    private func known(_ result: Completions) -> [String] {
        let common = CommonOptions(vault: result.given["--vault"])
        guard let path = try? common.path(), let session = AgentAccess.quietSession(for: path),
            let secrets = try? session.secrets()
        else { return [] }
        let scope = result.given["SCOPE"] ?? result.given[result.option == "--to-id" ? "--to" : "--from"]
        let id = result.given["--id"] ?? result.given["--from-id"]
        var found: Set<String> = []
        for kind in result.dynamic {
            for secret in secrets {
                switch kind {
                case "names":
                    if scope ?? secret.scope.word == secret.scope.word,
                        id ?? secret.scope.id == secret.scope.id
                    {
                        found.insert(secret.name)
                    }
                case "projects":
                    if secret.scope.word == "project", let id = secret.scope.id { found.insert(id) }
                case "clusters":
                    if secret.scope.word == "cluster", let id = secret.scope.id { found.insert(id) }
                default:
                    if let id = secret.scope.id, scope ?? secret.scope.word == secret.scope.word {
                        found.insert(id)
                    }
                }
            }
        }
        return found.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }
}

/// The verb `vault man`.
struct PrintManual: Command {
    static let info = CommandInfo(
        name: "man", summary: "Print the manual page",
        discussion: """
              vault man | man -l -
            """)

    mutating func declare(_ parameters: inout Parameters) {}

    func run() throws(Failure) {
        try Output.write(CommandTable.program.manual(version: CommandTable.version))
    }
}
