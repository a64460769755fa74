#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Read variants. A variant is a file variants/NAME.list, one line an item; '#' begins a comment:
#
#   summary TEXT                    what it is
#   systems SYSTEM...               the operating systems that it is for; without this line, all
#   architectures ARCH...           likewise
#   conflicts VARIANT...            what it cannot be combined with
#   kernels LINE...                 the lines of kernels that it works with; without this line, all
#   includes VARIANT...             variants that it has, too; they come before it
#   repository SYSTEM NAME URL KEY FINGERPRINT
#                                   a repository of packages, the URL of the key that signs them, and the key's fingerprint
#   version SYSTEM NAME PACKAGE     where a range, a pattern or latest in the variable NAME is looked up: the versions of this package
#   stream SYSTEM MODULE:STREAM     a module stream of dnf
#   packages SYSTEM NAME...         packages
#   kernel-modules-source SYSTEM    headers of the kernel and what else builds modules for it
#   kernel-argument ARGUMENT        an argument on the kernel's command line
#   module NAME                     a kernel module that is loaded at boot
#   enable UNIT                     a unit to enable
#   run SCRIPT                      a script of provisioners/variants/, after all of the above
#   run-last SCRIPT                 likewise, after the scripts of all other variants
#
# and what lib/controls.sh does and checks. A word with a system, as in 'enable@al2023', is for that system only. SYSTEM is al2023,
# debian12, debian13, or debian for both of these.
# @NAME@ stands for the value of a variable of the template, in capitals.
set -euo pipefail
variant_words='summary|systems|architectures|conflicts|kernels|includes|repository|version|stream|packages|kernel-modules-source|kernel-argument|module|run|run-last|enable'
control_words='control|waived|sysctl|module-off|mode|homes|absent-package|mask|mount|sshd|text|line|setting|assign|group|missing-file|holds|by'

# is_for NAMES SYSTEM: whether a system, or all of its kind, are among these names.
is_for() {
        [[ " $1 " == *" $2 "* || " $1 " == *" ${2%%[0-9]*} "* ]]
}

# variant_lines FILE WORD [SYSTEM]: the rest of the lines that begin with this word, or with this word for a system.
variant_lines() {
        local name=${3:-.*}
        sed -nE "s/^$2(@($name|${name%%[0-9]*}))?[[:space:]]+//p" "$1"
}

# expand_variants DIRECTORY NAMES: these variants, after those that they include, each once.
expand_variants() {
        local name
        for name in ${2//,/ }; do
                [ ! -f "$1/$name.list" ] || expand_variants "$1" "$(variant_lines "$1/$name.list" includes)"
                echo "$name"
        done | awk '!seen[$0]++'
}

# has_variant DIRECTORY NAMES VARIANT...: whether one of these variants is among the names or what they include.
has_variant() {
        expand_variants "$1" "$2" | grep -xF "$(printf '%s\n' "${@:3}")" >/dev/null
}

# Whether instances of the image become nodes of Kubernetes.
is_node() {
        ! has_variant "$(dirname "${BASH_SOURCE[0]}")/../variants" "${VARIANTS:-}" ecs
}

# describe_variants DIRECTORY
describe_variants() {
        local file name
        for file in "$1"/*.list; do
                name=${file##*/}
                printf '%-22s %s' "${name%.list}" "$(variant_lines "$file" summary)"
                [ -z "$(variant_lines "$file" systems)" ] || printf ' (%s)' "$(variant_lines "$file" systems)"
                [ -z "$(variant_lines "$file" includes)" ] || printf ', with %s' "$(variant_lines "$file" includes)"
                echo
        done
}

# check_variants DIRECTORY NAMES SYSTEM ARCH: whether the variants exist, are for this machine and go together. Names are
# separated by commas. Prints why not.
check_variants() {
        local name other only all
        all=$(expand_variants "$1" "$2" | tr '\n' ' ')
        for name in $all; do
                if [[ $name != *[a-z0-9]* || $name == *[!a-z0-9-]* ]]; then
                        echo "'$name' cannot be the name of a variant"
                        return 1
                fi

                if ! [ -f "$1/$name.list" ]; then
                        echo "there is no variant '$name'"
                        return 1
                fi

                other=$(sed -E "/^(#|\$)/d; /^($variant_words|$control_words)(@(al2023|debian(12|13)?))?[[:space:]]/d" "$1/$name.list" | head -n 1)
                if [ -n "$other" ]; then
                        echo "the variant '$name' has a line that means nothing: $other"
                        return 1
                fi

                for other in $(variant_lines "$1/$name.list" run) $(variant_lines "$1/$name.list" run-last); do
                        if ! [ -f "$1/../provisioners/variants/$other" ]; then
                                echo "the variant '$name' runs provisioners/variants/$other, which does not exist"
                                return 1
                        fi
                done

                only=$(variant_lines "$1/$name.list" systems)
                if [ -n "$only" ] && ! is_for "$only" "$3"; then
                        echo "the variant '$name' is for $only, not for $3"
                        return 1
                fi

                only=$(variant_lines "$1/$name.list" architectures)
                if [ -n "$only" ] && [[ " $only " != *" $4 "* ]]; then
                        echo "the variant '$name' is for $only, not for $4"
                        return 1
                fi

                other=$(variant_lines "$1/$name.list" repository | grep -vE '^[^ ]+ [^ ]+ [^ ]+ [^ ]+ [0-9A-F]{40}$' | head -n 1) || true
                if [ -n "$other" ]; then
                        echo "the variant '$name' has a repository without the fingerprint of its key: $other"
                        return 1
                fi

                for other in $(variant_lines "$1/$name.list" conflicts); do
                        if [[ " $all " == *" $other "* ]]; then
                                echo "the variants '$name' and '$other' cannot be combined"
                                return 1
                        fi
                done
        done
}

# check_kernel DIRECTORY NAMES KERNEL_VERSION: whether the variants work with this line of kernels, or version of a kernel. Nothing
# is known of a wish, and of the kernel of the base image. Prints why not, and the lines that work.
check_kernel() {
        local name lines line
        line=$(cut -d. -f1,2 <<<"$3")
        [[ $line =~ ^[0-9]+\.[0-9]+$ ]] || return 0

        for name in $(expand_variants "$1" "$2"); do
                lines=$(variant_lines "$1/$name.list" kernels)
                if [ -n "$lines" ] && [[ " $lines " != *" $line "* ]]; then
                        echo "the variant '$name' does not work with the kernel $3, but with $lines"
                        return 1
                fi
        done
}

# Put the values of variables into lines.
with_values() {
        local line
        while IFS= read -r line; do
                while [[ $line =~ @([A-Z0-9_]+)@ ]]; do
                        if [ -z "${!BASH_REMATCH[1]:-}" ]; then
                                echo "the variable ${BASH_REMATCH[1]} of a variant has no value" >&2
                                return 1
                        fi

                        line=${line//"${BASH_REMATCH[0]}"/"${!BASH_REMATCH[1]}"}
                done

                printf '%s\n' "$line"
        done
}

# variant_items DIRECTORY NAMES WORD [SYSTEM]: the items of this word in all these variants, in order. With a system, those of
# that system, without its name.
variant_items() {
        local name
        for name in $(expand_variants "$1" "$2"); do
                variant_lines "$1/$name.list" "$3" "${system:-}" | if [ $# -eq 4 ]; then
                        sed -nE "s/^($4|${4%%[0-9]*})([[:space:]]+|$)//p"
                else
                        cat
                fi | with_values || return
        done
}
