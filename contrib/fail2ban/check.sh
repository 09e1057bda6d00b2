#!/bin/sh
# Does the filter find every line of guesses.log and none of harmless.log? Needs fail2ban-regex and
# the directory of its filters (FAIL2BAN, or where Debian has them); skipped (77) without.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
filters=${FAIL2BAN:-/etc/fail2ban/filter.d}
regex=${FAIL2BAN_REGEX:-fail2ban-regex}
command -v "${regex%% *}" >/dev/null && [ -e "$filters/common.conf" ] || exit 77

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$filters/common.conf" "$here/filter-restante.conf" "$work"

matched() {
	$regex "$here/$1" "$work/filter-restante.conf" | sed -n 's/^Lines: .* \([0-9]*\) matched, .*/\1/p'
}

guesses=$(matched guesses.log)
harmless=$(matched harmless.log)
echo "guesses: $guesses of $(wc -l <"$here/guesses.log") found; harmless: $harmless of $(wc -l <"$here/harmless.log")"
[ "$guesses" -eq "$(wc -l <"$here/guesses.log")" ] && [ "$harmless" -eq 0 ]
