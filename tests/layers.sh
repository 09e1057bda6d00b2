#!/bin/sh
# Which folder may include which, which names which library, and what each program links.
# A new arrow is a design decision: draw it here and in DESIGN.md.
#
#	tests/layers.sh BUILD_DIRECTORY

build=$(cd "${1:?usage: tests/layers.sh BUILD_DIRECTORY}" && pwd) || exit 1
cd "$(dirname "$0")/../src" || exit 1
checks=0
failures=0

# check NAME FOUND: FOUND is what should not be there.
check() {
	checks=$((checks + 1))
	if [ -z "$2" ]; then
		echo "ok - $1"
	else
		echo "not ok - $1"
		printf '%s\n' "$2"
		failures=$((failures + 1))
	fi
}

# The files of a folder that end up in programs.
sources() {
	find "$1" -name '*.[ch]' ! -name '*_test.c' ! -name '*fake*'
}

may_include() {
	folder=$1
	check "$folder includes $*" "$(sources "$folder" | xargs grep -nE '^#include "' /dev/null |
	    grep -vE "#include \"($(echo "$*" | tr ' ' '|'))/")"
}

may_include base
may_include mail     base
may_include ipc      base
may_include config   base
may_include tls      base
may_include sasl     base
may_include users    base
may_include sandbox  base
may_include pop3     base mail
may_include store    base mail
may_include smtp     base mail
may_include front    base ipc tls
may_include parent   base ipc config sandbox
may_include login    base ipc config sandbox front pop3 sasl tls
may_include auth     base ipc config sandbox sasl users
may_include maildrop base ipc config sandbox mail pop3 store
may_include lmtp     base ipc config sandbox front smtp tls
may_include deliver  base config mail sandbox smtp store users
may_include ctl      base ipc config store users
may_include client   base mail pop3 sasl tls
may_include fetch    base config mail sandbox smtp store

folders=$(find . -mindepth 1 -maxdepth 1 -type d | sed 's,^\./,,' | sort | tr '\n' ' ')
check "every folder is in the list above" "$(for folder in $folders; do
	grep -qE "^may_include $folder( |\$)" ../tests/layers.sh || echo "$folder"; done)"

# only FOLDERS HEADER PATTERN...: nobody else includes these headers.
only() {
	folders=$1
	shift
	check "only $folders names $*" "$(find . -name '*.[ch]' ! -name '*_test.c' ! -name '*fake*' |
	    grep -vE "^\./($(echo "$folders" | tr ' ' '|'))/" |
	    xargs grep -nE "^#include <($(echo "$*" | tr ' ' '|'))")"
}

only tls      openssl/
only config   'confuse\.h'
only sasl     'gsasl'
only users    'crypt\.h'
only fetch    'curl/' 'jansson\.h'
only sandbox  'seccomp\.h' 'linux/landlock\.h'
only 'client fetch' 'restante/'
only "fetch store" 'xxhash\.h'

# links_not PROGRAM LIBRARY...
links_not() {
	program=$1
	shift
	if [ ! -x "$build/src/$program" ]; then
		check "$program is built" "$build/src/$program"
		return
	fi
	check "$program links none of $*" "$(ldd "$build/src/$program" |
	    grep -E "^[[:space:]]*($(echo "$*" | tr ' ' '|'))\.so")"
}

links_not parent/restanted           libssl libcrypto libcrypt libgsasl libnettle
links_not login/restante-login       libcrypt libgsasl libconfuse
links_not auth/restante-auth         libssl libconfuse
links_not lmtp/restante-lmtp         libcrypt libgsasl libconfuse
links_not maildrop/restante-maildrop libssl libcrypto libcrypt libgsasl libconfuse
links_not ctl/restantectl            libssl libcrypto libgsasl

links_not client/librestante.so.0    libcrypt libconfuse libseccomp libxxhash

# What an application gets: the functions of the headers and no other names, and nothing that meddles with it.
library=$build/src/client/librestante.so.0
declared=$(cat ../include/restante/*.h | grep -oE '\<restante_[a-z_0-9]+\(' | tr -d '(' | sort -u)
shown=$(nm -D --defined-only "$library" | awk '$2 != "A" { print $3 }' | sort)
check "librestante shows what its headers declare and no more" "$(printf '%s\n' "$declared" |
    sed 's/$/@@RESTANTE_0.1/' | sort | { diff - /dev/fd/3; } 3<<-end
	$shown
	end
)"
check "librestante sets no signal, writes nothing, ends nothing, changes no locale" "$(nm "$build/src/client/libclient.a" |
    grep -E ' U (signal|sigaction|atexit|exit|_exit|abort|syslog|openlog|printf|fprintf|puts|perror|setlocale|setenv|environ|umask|chdir)$')"
check "librestante has no variables of its own" "$(find client -name '*.c' ! -name '*_test.c' ! -name '*fake*' |
    xargs grep -nE '^(static )?(struct |enum |unsigned |bool |int |char |size_t |uint)[^(]*(=|;)$' | grep -v const)"

echo "$checks checks, $failures failed"
[ "$failures" -eq 0 ]
