#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Versions as a caller may ask for them: a version, a pattern, a range, or latest.
set -euo pipefail

# is_wish WANTED: whether it stands for any of several versions: latest, a range or a pattern.
is_wish() {
        [[ $1 == latest || $1 == *[\<\>=*?]* ]]
}

# is_version_of VERSION WANTED: whether a version is what was asked for: latest, a range such as >=2.0,<2.3, a pattern such as
# 2.*, or a version. Only the numbers of a version count in a range. `eksnode versions` decides likewise, except that there an exact
# version need not have the suffix of a distribution.
is_version_of() {
        local bounds bound number sign found lower
        case $2 in
        latest) return 0 ;;
        *[\<\>=]*) ;;
        *)
                # shellcheck disable=SC2254 # a pattern
                case $1 in $2) return 0 ;; esac
                return 1
                ;;
        esac

        found=$(sed -E 's/^([0-9.]*[0-9]).*/\1/; s/(\.0)+$//' <<<"$1")
        IFS=', ' read -ra bounds <<<"$2"
        for bound in "${bounds[@]}"; do
                number=$(sed -E 's/^[<>=]*//; s/(\.0)+$//' <<<"$bound")
                sign=${bound%%[0-9]*}
                lower=$(printf '%s\n' "$found" "$number" | sort -V | head -n 1)
                case $sign in
                '>=') [ "$lower" = "$number" ] || return 1 ;;
                '<=') [ "$lower" = "$found" ] || return 1 ;;
                '>') [ "$lower" = "$number" ] && [ "$found" != "$number" ] || return 1 ;;
                '<') [ "$lower" = "$found" ] && [ "$found" != "$number" ] || return 1 ;;
                '=') [ "$found" = "$number" ] || return 1 ;;
                *) return 1 ;;
                esac
        done
}

# newest_of WANTED: of the versions on standard input. Prints nothing if none is what was asked for.
newest_of() {
        local version
        while read -r version; do
                if is_version_of "$version" "$1"; then
                        echo "$version"
                        return
                fi
        done < <(sort -rV)
}
