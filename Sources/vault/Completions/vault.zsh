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
