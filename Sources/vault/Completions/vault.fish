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
