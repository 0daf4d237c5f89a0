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
            :files) mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -f -- "${words[-1]#"$lead"}")
                compopt -o filenames ;;
            :commands) mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -c -- "${words[-1]#"$lead"}") ;;
            *) line=${line%%$'\t'*}; COMPREPLY+=("${line#"$lead"}") ;;
        esac
    done < <(command vault complete -- "${words[@]}" 2>/dev/null)
}
complete -F _vault vault
