# bash completion for restante(1).

_restante() {
	local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} word command= config options
	local commands='fetch check list show capabilities setup login help version'

	config=${XDG_CONFIG_HOME:-$HOME/.config}/restante/config
	for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
		case " $commands " in *" $word "*) command=$word && break ;; esac
	done
	case $before in
	-c | --config | --transcript)
		COMPREPLY=($(compgen -f -- "$current"))
		return ;;
	-k | --keep)
		COMPREPLY=($(compgen -W 'all none' -- "$current"))
		return ;;
	-t | --to)
		COMPREPLY=($(compgen -W 'maildir: mbox: lmtp: smtp: command:' -- "$current"))
		compopt -o nospace
		return ;;
	-a | --account | -p | --parallel | -w | --watch | --retries | --server)
		return ;;
	esac
	case $command in
	fetch) options='--config --account --to --keep --dry-run --refetch --parallel --retries --watch --json
		--quiet --verbose --transcript --help' ;;
	check) options='--config --account --to --keep --refetch --parallel --retries --json --quiet --verbose
		--transcript --help' ;;
	list | show | capabilities) options='--config --account --json --quiet --verbose --transcript --help' ;;
	setup) options='--config --dry-run --server --help' ;;
	login) options='--config --refresh-token --help' ;;
	help | version) options='--help' ;;
	*) options='--config --account --to --keep --dry-run --refetch --parallel --retries --watch --json --quiet
		--verbose --transcript --help --version' ;;
	esac
	case $current,$command in
	-*) COMPREPLY=($(compgen -W "$options" -- "$current")) ;;
	*, | *,help) COMPREPLY=($(compgen -W "$commands" -- "$current")) ;;
	*) COMPREPLY=($(compgen -W "$(sed -n 's/^[[:space:]]*account[[:space:]]*"\{0,1\}\([^"{[:space:]]*\).*/\1/p' \
		"$config" 2>/dev/null)" -- "$current")) ;;
	esac
}

complete -F _restante restante
