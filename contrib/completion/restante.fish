# fish completion for restante(1).

function __restante_accounts
    set -l config (test -n "$XDG_CONFIG_HOME"; and echo $XDG_CONFIG_HOME; or echo $HOME/.config)/restante/config
    sed -n 's/^[[:space:]]*account[[:space:]]*"\{0,1\}\([^"{[:space:]]*\).*/\1/p' $config 2>/dev/null
end

set -l commands fetch check list show capabilities setup login help version
set -l talk fetch check list show capabilities

complete -c restante -f
complete -c restante -n "not __fish_seen_subcommand_from $commands" -a fetch -d 'Collect what is new'
complete -c restante -n "not __fish_seen_subcommand_from $commands" -a check -d 'Say what would be fetched and deleted'
complete -c restante -n "not __fish_seen_subcommand_from $commands" -a list -d 'List the messages on the server'
complete -c restante -n "not __fish_seen_subcommand_from $commands" -a show -d 'Print a message'
complete -c restante -n "not __fish_seen_subcommand_from $commands" -a capabilities -d 'What a server can do'
complete -c restante -n "not __fish_seen_subcommand_from $commands" -a setup -d 'Make an account'
complete -c restante -n "not __fish_seen_subcommand_from $commands" -a login -d 'Log in to a server that wants OAuth 2'
complete -c restante -n "not __fish_seen_subcommand_from $commands" -a help -d 'How a command is used'
complete -c restante -n "not __fish_seen_subcommand_from $commands" -a version -d 'Say which version it is'
complete -c restante -n "not __fish_seen_subcommand_from $commands" -l version -d 'Say which version it is'
complete -c restante -n "__fish_seen_subcommand_from $talk login" -a '(__restante_accounts)'
complete -c restante -n "__fish_seen_subcommand_from help" -a "$commands"

complete -c restante -s c -l config -r -F -d 'The configuration'
complete -c restante -s h -l help -d 'How it is used'
complete -c restante -n "__fish_seen_subcommand_from $talk" -s a -l account -x -d 'A POP URL instead of accounts'
complete -c restante -n "__fish_seen_subcommand_from $talk" -s j -l json -d 'One object on a line for each event'
complete -c restante -n "__fish_seen_subcommand_from $talk" -s q -l quiet -d 'Say only what goes wrong'
complete -c restante -n "__fish_seen_subcommand_from $talk" -s v -l verbose -d 'Say everything'
complete -c restante -n "__fish_seen_subcommand_from $talk" -l transcript -r -F -d 'Write the conversation to a file'
complete -c restante -n "__fish_seen_subcommand_from fetch check" -s t -l to -x -a 'maildir: mbox: lmtp: smtp: command:' -d 'Where mail goes'
complete -c restante -n "__fish_seen_subcommand_from fetch check" -s k -l keep -x -a 'all none "30 days" "newest 100"' -d 'What stays on the server'
complete -c restante -n "__fish_seen_subcommand_from fetch check" -s r -l refetch -d 'Fetch what was fetched before, too'
complete -c restante -n "__fish_seen_subcommand_from fetch check" -s p -l parallel -x -d 'So many accounts at once'
complete -c restante -n "__fish_seen_subcommand_from fetch check" -l retries -x -d 'So many connections more after one was lost'
complete -c restante -n "__fish_seen_subcommand_from fetch setup" -s n -l dry-run -d 'Change nothing'
complete -c restante -n "__fish_seen_subcommand_from fetch" -s w -l watch -x -d 'Look again and again'
complete -c restante -n "__fish_seen_subcommand_from setup" -l server -x -d 'The server'
complete -c restante -n "__fish_seen_subcommand_from login" -l refresh-token -d 'Take over the token of another program'
