#compdef kadeploy
# zsh completion of kadeploy. No word that was typed is ever evaluated.
_kadeploy() {
    local command="" word
    local -a names
    for word in "${(@)words[2,CURRENT-1]}"; do
        case $word in
            ({{range $i, $c := .Commands}}{{if $i}}|{{end}}{{$c.Name}}{{end}}) command=$word; break ;;
        esac
    done
    case ${words[CURRENT-1]} in
        (-m|--machine) names=("${(@f)$(kadeploy complete nodes 2>/dev/null)}"); compadd -a names; return ;;
        (-e|--env-name|rm|show|verify) names=("${(@f)$(kadeploy complete environments 2>/dev/null)}"); compadd -a names; return ;;
        (env) compadd add list rm show verify; return ;;
        (-l|--level) compadd soft hard very_hard; return ;;
        (--output) compadd text json; return ;;
        (-f|--file|-a|--environment|--env-file|-k|--key|-s|--script|-o|--output-ok-nodes|-n|--output-ko-nodes|--write-id) _files; return ;;
        (-d|--config-dir) _files -/; return ;;
    esac
    case $command in
        ("") compadd{{range .Commands}} {{.Name}}{{end}}; return ;;
        (completion) compadd {{.Shells}}; return ;;
        (status|show|watch|cancel)
            if [[ $PREFIX != -* ]]; then
                names=("${(@f)$(kadeploy complete operations 2>/dev/null)}"); compadd -a names; return
            fi ;;
    esac
    case $command in
{{range .Commands}}        ({{.Name}}) compadd -- {{join .Flags " "}} ;;
{{end}}    esac
}

if [[ $funcstack[1] == _kadeploy ]]; then
    _kadeploy "$@"
else
    compdef _kadeploy kadeploy
fi
