#!/bin/sh
# What the tree looks like: what can be checked of the tone by a program (HACKING.md has the rest).
#
#	tests/tone.sh [BUILD_DIRECTORY]

cd "$(dirname "$0")/.." || exit 1
checks=0
failures=0

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

code=$(find src fuzz bench -name '*.[ch]' | sort)
# Everything that somebody wrote here, build directories and samples of input aside.
texts=$(find . -type f ! -path './.git/*' ! -path './build*' ! -path './fuzz/corpus/*' \
    ! -name '*.pyc' ! -name tone.sh | sort)

# The longest function, its head and braces included; a body ends with a brace in the first column.
long_functions() {
	awk -v limit="$1" '
		FNR == 1 { start = 0 }
		/^[a-z_][a-z0-9_]*\(/ { start = FNR; name = $0 }
		/^}/ && start {
			if (FNR - start + 2 > limit)
				print FILENAME ":" start ": " FNR - start + 2 " lines: " name
			start = 0
		}' $code
}

check "every file of code begins with a comment" "$(for file in $code; do
	head -n 1 "$file" | grep -q '^/\*' || echo "$file"; done)"
check "every header is guarded with #pragma once" "$(printf '%s\n' $code | grep '\.h$' |
    xargs grep -L '^#pragma once$')"
check "no function is longer than 80 lines" "$(long_functions 80)"
check "no file of code is longer than 500 lines, tests aside" "$(printf '%s\n' $code |
    grep -vE '_test\.c$|fake' | xargs wc -l | awk '$2 != "total" && $1 > 500')"
check "no promise for later" "$(printf '%s\n' $texts | xargs grep -nwE 'TODO|FIXME|XXX|HACK' /dev/null)"
check "no typedef of a struct" "$(grep -nE '^[[:space:]]*typedef (struct|union|enum)' $code)"
check "indented with tabs" "$(printf '%s\n' $code | xargs grep -nE '^        ')"
check "no space at the end of a line" "$(printf '%s\n' $code | xargs grep -nE '[[:space:]]+$')"
check "no line of code is longer than 115 columns, tests aside" "$(for file in $code; do
	case $file in *_test.c) continue ;; esac
	expand "$file" | awk -v file="$file" 'length > 115 { print file ":" FNR ": " length }'; done)"
check "no call without a bound" "$(printf '%s\n' $code | grep -v '_test\.c$' |
    xargs grep -nE '\<(strcpy|stpcpy|strcat|sprintf|vsprintf|gets|strtok|alloca)\(')"
check "no call that shares its answer with other threads, where there are threads" "$(printf '%s\n' $code |
    grep -E '^src/(base|client|config|fetch|lmtp|mail|maildrop|pop3|sasl|smtp|store|tls)/' | grep -v '_test\.c$' |
    xargs grep -nE '\<(getpwuid|getpwnam|getgrnam|getgrgid|localtime|gmtime|ctime|asctime|strtok|strerror|gethostbyname)\(([^0-9]|$)')"
check "the return type stands on a line of its own" "$(printf '%s\n' $code | grep '\.c$' |
    xargs grep -nE '^(static )?(inline )?(const )?(unsigned|int|void|bool|char|s?size_t|u?int[0-9]+_t|struct [a-z_]+) \*?[a-z_0-9]+\([^;]*$')"

echo "$checks checks, $failures failed"
[ "$failures" -eq 0 ]
