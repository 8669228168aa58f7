# fish completion of kadeploy. No word that was typed is ever evaluated.
complete -c kadeploy -f
{{range .Commands}}complete -c kadeploy -n __fish_use_subcommand -a {{.Name}} -d "{{.Usage}}"
{{$name := .Name}}{{range .Flags}}complete -c kadeploy -n "__fish_seen_subcommand_from {{$name}}" -a "{{.}}"
{{end}}{{end}}complete -c kadeploy -n "__fish_seen_subcommand_from completion" -a "{{.Shells}}"
complete -c kadeploy -n "__fish_seen_subcommand_from status show watch cancel" -a "(kadeploy complete operations 2>/dev/null)"
complete -c kadeploy -s m -l machine -x -a "(kadeploy complete nodes 2>/dev/null)"
complete -c kadeploy -n "__fish_seen_subcommand_from env" -a "add list rm show verify"
complete -c kadeploy -s e -l env-name -x -a "(kadeploy complete environments 2>/dev/null)"
complete -c kadeploy -s l -l level -x -a "soft hard very_hard"
complete -c kadeploy -l output -x -a "text json"
complete -c kadeploy -s f -l file -r -F
complete -c kadeploy -s a -l environment -r -F
complete -c kadeploy -s k -l key -r -F
complete -c kadeploy -s s -l script -r -F
complete -c kadeploy -s o -l output-ok-nodes -r -F
complete -c kadeploy -s n -l output-ko-nodes -r -F
complete -c kadeploy -s d -l config-dir -r -F
