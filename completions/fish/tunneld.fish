# SPDX-License-Identifier: ISC
# fish completion for tunneld(8)
complete -c tunneld -f
complete -c tunneld -s c -l config -r -F -d 'The configuration'
complete -c tunneld -s t -l check -d 'Check the configuration and exit'
complete -c tunneld -s T -l dump -d 'Print the configuration that is in force'
complete -c tunneld -l print-default-config -d 'Print every key with its default'
complete -c tunneld -s V -l version -d 'Print the version'
complete -c tunneld -s h -l help -d 'Print a summary'
complete -c tunneld -l set -x -d 'Give one key of the configuration its value'
complete -c tunneld -l control-addr -x -d 'Where clients connect'
complete -c tunneld -l http-addr -x -d 'Where visitors connect by HTTP'
complete -c tunneld -l domain -x -d 'Tunnels are names below this one'
complete -c tunneld -s u -l user -x -a '(__fish_complete_users)' -d 'Whom to become once the ports are open'
complete -c tunneld -l log-level -x -a 'error warn info debug' -d 'How much is logged'
complete -c tunneld -l log-format -x -a 'logfmt json' -d 'How it is logged'
