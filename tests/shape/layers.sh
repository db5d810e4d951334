#!/bin/sh
# SPDX-License-Identifier: ISC
# Each layer may include only the layers listed after it, and a library is spoken only in its folders.
cd "$(dirname "$0")/../.." || exit 1
status=0
complain() { [ -z "$1" ] || { echo "$1"; status=1; }; }

layer() {
    name=$1; shift
    [ -d "src/$name" ] || return 0
    allowed=$(echo "$name $*" | tr ' ' '|')
    complain "$(grep -nE '^#include "' -r "src/$name" | grep -vE "#include \"(($allowed)/|config\.h\")")"
}
layer core
layer base
layer net base
layer flow net base
layer server flow net base
layer client flow net base
layer ctl server flow net base

only() { complain "$(grep -nE "^#include <$1" -r src include | grep -vE "^$2")"; }
only event2/  'src/(net|flow)/'
only openssl/ 'src/net/'
only tunnel/  '(src/(core|flow|server|client|ctl)|include)/'
only jansson  'src/(core/control[a-z_]*|flow/web[a-z_]*|server/admin[a-z_]*|client/(inspector|door|look_commands)|ctl/[a-z_]*)\.'
only yaml     'src/base/yaml[a-z_]*\.'
only qrencode 'src/client/qr\.'

# libevent's own HTTP, DNS and RPC are not for us, nor its locks.
complain "$(grep -nE '^#include <(evhttp|evdns|evrpc|event2/(http|dns|rpc|thread))' -r src include tests)"
# The unit tests see the public headers only.
complain "$(grep -nE '^#include "(core|base|net|flow|server|client)/' -r tests/unit)"
exit $status
