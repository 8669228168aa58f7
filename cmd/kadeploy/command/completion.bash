# bash completion of kadeploy. No word that was typed is ever evaluated.
_kadeploy_offer() {
    local word
    while IFS= read -r word; do
        [[ $word == "$cur"* ]] && COMPREPLY+=("$word")
    done
}

_kadeploy() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command="" word
    COMPREPLY=()
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        case $word in
            {{range $i, $c := .Commands}}{{if $i}}|{{end}}{{$c.Name}}{{end}}) command=$word; break ;;
        esac
    done
    case $prev in
        -m|--machine) _kadeploy_offer < <(kadeploy complete nodes 2>/dev/null); return ;;
        -e|--env-name) _kadeploy_offer < <(kadeploy complete environments 2>/dev/null); return ;;
        -l|--level) _kadeploy_offer < <(printf '%s\n' soft hard very_hard); return ;;
        --output) _kadeploy_offer < <(printf '%s\n' text json); return ;;
        -f|--file|-a|--environment|--env-file|-k|--key|-s|--script|-o|--output-ok-nodes|-n|--output-ko-nodes|--write-id|-d|--config-dir)
            compopt -o default 2>/dev/null; return ;;
    esac
    case $command in
        "") _kadeploy_offer < <(printf '%s\n'{{range .Commands}} {{.Name}}{{end}}) ;;
        completion) _kadeploy_offer < <(printf '%s\n' {{.Shells}}) ;;
        env)
            if [[ $prev == show || $prev == rm || $prev == verify ]]; then
                _kadeploy_offer < <(kadeploy complete environments 2>/dev/null)
                return
            elif [[ $prev == add ]]; then
                compopt -o default 2>/dev/null
                return
            elif [[ $prev == env && $cur != -* ]]; then
                _kadeploy_offer < <(printf '%s\n' add list rm show verify)
                return
            fi ;;&
        user|rights)
            if [[ $cur != -* ]]; then
                _kadeploy_offer < <(printf '%s\n' add del list)
                return
            fi ;;&
        status|show|watch|cancel)
            if [[ $cur != -* ]]; then
                _kadeploy_offer < <(kadeploy complete operations 2>/dev/null)
                return
            fi ;;&
{{range .Commands}}        {{.Name}}) _kadeploy_offer < <(printf '%s\n' {{join .Flags " "}}) ;;
{{end}}    esac
}

complete -F _kadeploy kadeploy
