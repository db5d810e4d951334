# SPDX-License-Identifier: ISC
# fish completion for tunnelctl(8)
set -l commands status top clients tunnels kick drain reload log metrics token debug version help
complete -c tunnelctl -f
complete -c tunnelctl -n "not __fish_seen_subcommand_from $commands" -a "$commands"
complete -c tunnelctl -n '__fish_seen_subcommand_from token' -a 'add list revoke rotate'
complete -c tunnelctl -n '__fish_seen_subcommand_from log' -a 'error warn info debug'
complete -c tunnelctl -n '__fish_seen_subcommand_from debug' -a dump
complete -c tunnelctl -s c -l config -r -F -d "The server's configuration"
complete -c tunnelctl -l socket -r -F -d "The server's control socket"
complete -c tunnelctl -l token-file -r -F -d 'Instead of auth.token_file'
complete -c tunnelctl -l json -d 'For programs'
complete -c tunnelctl -l wait -x -d 'How long the server may be silent'
complete -c tunnelctl -s h -l help -d 'Print a summary'
complete -c tunnelctl -s V -l version -d 'Print the version'
complete -c tunnelctl -n '__fish_seen_subcommand_from status' -l watch -d 'Again and again'
complete -c tunnelctl -n '__fish_seen_subcommand_from kick' -l for -x -d 'How long not to come back'
complete -c tunnelctl -n '__fish_seen_subcommand_from kick' -l reason -x -d 'What the client is told'
complete -c tunnelctl -n '__fish_seen_subcommand_from drain' -l timeout -x -d 'When what is left is cut'
complete -c tunnelctl -n '__fish_seen_subcommand_from log' -l follow -d 'Until interrupted'
complete -c tunnelctl -n '__fish_seen_subcommand_from token' -l subdomains -x -d 'The names that are allowed'
complete -c tunnelctl -n '__fish_seen_subcommand_from token' -l expires -x -d 'How long it counts'
