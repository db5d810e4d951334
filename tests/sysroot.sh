# SPDX-License-Identifier: ISC
# Sourced at the top of the tree: what tests/need unpacked below build/sysroot for a user without root is found
# after what is installed. The Makefile does the same for compiler and linker.
if [ -d build/sysroot/usr ]; then
    sysroot_libraries=$PWD/build/sysroot/usr/lib/$(cc -print-multiarch 2>/dev/null)
    PATH=$PATH:$PWD/build/sysroot/usr/bin:$PWD/build/sysroot/usr/sbin
    PKG_CONFIG_PATH=$sysroot_libraries/pkgconfig
    LD_LIBRARY_PATH=$sysroot_libraries
    PYTHONPATH=$PWD/build/sysroot/usr/lib/python3/dist-packages
    [ -e /usr/lib/ssl/openssl.cnf ] || export OPENSSL_CONF="$PWD/build/sysroot/etc/ssl/openssl.cnf"
    export PATH PKG_CONFIG_PATH LD_LIBRARY_PATH PYTHONPATH
fi
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
