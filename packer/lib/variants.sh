#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Read variants. A variant is a file variants/NAME.list, one line an item; '#' begins a comment:
#
#   summary TEXT                    what it is
#   systems SYSTEM...               the operating systems that it is for; without this line, all
#   architectures ARCH...           likewise
#   conflicts VARIANT...            what it cannot be combined with
#   repository SYSTEM NAME URL KEY  a repository of packages and the URL of the key that signs them
#   stream SYSTEM MODULE:STREAM     a module stream of dnf
#   packages SYSTEM NAME...         packages
#   kernel-modules-source SYSTEM    headers of the kernel and what else builds modules for it
#   kernel-argument ARGUMENT        an argument on the kernel's command line
#   module NAME                     a kernel module that is loaded at boot
#   enable UNIT                     a unit to enable
#   run SCRIPT                      a script of provisioners/variants/, after all of the above
#
# @NAME@ stands for the value of a variable of the template, in capitals.
set -euo pipefail

# variant_lines FILE WORD: the rest of the lines that begin with this word.
variant_lines() {
        sed -n "s/^$2[[:space:]][[:space:]]*//p" "$1"
}

# describe_variants DIRECTORY
describe_variants() {
        local file name
        for file in "$1"/*.list; do
                name=${file##*/}
                printf '%-12s %s' "${name%.list}" "$(variant_lines "$file" summary)"
                [ -z "$(variant_lines "$file" systems)" ] || printf ' (%s)' "$(variant_lines "$file" systems)"
                echo
        done
}

# check_variants DIRECTORY NAMES SYSTEM ARCH: whether the variants exist, are for this machine and go together. Names are
# separated by commas. Prints why not.
check_variants() {
        local name other only all=${2//,/ }
        for name in $all; do
                if [[ $name != *[a-z0-9]* || $name == *[!a-z0-9-]* ]]; then
                        echo "'$name' cannot be the name of a variant"
                        return 1
                fi
                if ! [ -f "$1/$name.list" ]; then
                        echo "there is no variant '$name'"
                        return 1
                fi
                other=$(sed -E '/^(#|$)/d; /^(summary|systems|architectures|conflicts|repository|stream|packages|kernel-modules-source|kernel-argument|module|enable|run)[[:space:]]/d' "$1/$name.list" | head -n 1)
                if [ -n "$other" ]; then
                        echo "the variant '$name' has a line that means nothing: $other"
                        return 1
                fi
                only=$(variant_lines "$1/$name.list" systems)
                if [ -n "$only" ] && [[ " $only " != *" $3 "* ]]; then
                        echo "the variant '$name' is for $only, not for $3"
                        return 1
                fi
                only=$(variant_lines "$1/$name.list" architectures)
                if [ -n "$only" ] && [[ " $only " != *" $4 "* ]]; then
                        echo "the variant '$name' is for $only, not for $4"
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
        for name in ${2//,/ }; do
                variant_lines "$1/$name.list" "$3" | if [ $# -eq 4 ]; then
                        sed -n "s/^$4\([[:space:]][[:space:]]*\|$\)//p"
                else
                        cat
                fi | with_values || return
        done
}
