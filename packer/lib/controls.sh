#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What a variant hardens. Its lines 'control IDS TEXT' say what is asked for; the lines up to the next control implement it, or
# say 'waived REASON'. IDS are those of a catalogue, separated by commas, after 'al2023:' or 'debian12:' if they are for one system.
# There is none for Debian 13 yet: it has the controls of Debian 12.
#
#   sysctl KEY VALUE             a parameter of the kernel, unless a file with a later name sets it
#   module-off NAME...           kernel modules that cannot be loaded
#   mode MODE USER:GROUP FILE... of those files that exist; '-' keeps the owner
#   homes MODE                   the homes of users
#   absent-package NAME...       packages that are removed
#   mask UNIT...                 units that cannot be started
#   mount PLACE TYPE OPTIONS     a line of /etc/fstab
#   sshd KEYWORD VALUE           a setting of sshd
#   text FILE TEXT               a file that has this text only
#   line FILE TEXT               a line of a file
#   setting FILE KEY VALUE       a line 'KEY VALUE' in place of another one with this key
#   assign FILE KEY VALUE        likewise, 'KEY=VALUE'
#   group NAME                   a group, which is empty if it is new
#   missing-file FILE...         files that are removed
#   holds CHECK ARGUMENT...      what the base image has, which is only checked: a function check_CHECK below
#   by FILE                      what another file does, which must be there
#
# Each has a function apply_WORD, which changes the machine, and holds_WORD, which says whether it is so. With `running`, that is
# whether it is in force on a machine that has booted, and not only in its files. A container has the kernel of its host, which also mounts for it.
set -euo pipefail
running=

# Whether the machine runs, on a kernel of its own.
has_own_kernel() {
        [ "$running" ] && ! systemd-detect-virt --container --quiet
}

# function_of PREFIX WORD
function_of() {
        echo "$1_${2//-/_}"
}

# control_lines DIRECTORY NAMES: words for this machine's system, with the name of their variant, separated by a tab.
control_lines() {
        local name word rest

        # shellcheck disable=SC2154 # machine.sh finds the system
        for name in $(expand_variants "$1" "$2"); do
                with_values <"$1/$name.list" | while read -r word rest; do
                        case $word in
                        '' | '#'*) continue ;;
                        *@"$system" | *@"${system%%[0-9]*}") word=${word%@*} ;;
                        *@*) continue ;;
                        esac

                        printf '%s\t%s\t%s\n' "$name" "$word" "$rest"
                done
        done
}

# concerns IDS: whether a control is for this machine's system.
concerns() {
        local id catalogue=${system/debian13/debian12}
        for id in ${1//,/ }; do
                [[ $id == *:* && $id != "$catalogue":* ]] || return 0
        done

        return 1
}

# replace_line FILE BEGINNING LINE: put a line in place of those that begin so (a regular expression), or at the end.
replace_line() {
        local mode=0644 new
        ! has_line "$@" || return 0
        [ ! -e "$root$1" ] || mode=0$(stat -c %a "$root$1")
        new=$(if [ -e "$root$1" ]; then grep -vE "$2" "$root$1" || true; fi)
        printf '%s\n' ${new:+"$new"} "$3" | put "$mode" "$1"
}

# has_line FILE BEGINNING LINE: whether this is the only line that begins so.
has_line() {
        [ -e "$root$1" ] && [ "$(grep -E "$2" "$root$1")" = "$3" ]
}

parameters=/etc/sysctl.d/60-eks-variants.conf
apply_sysctl() {
        replace_line $parameters "^${1//./\\.} *=" "$1 = $2"
}

# As systemd-sysctl reads them: by name, of each name the file of the first directory, and the last value counts.
holds_sysctl() {
        local directory file files='' value
        if has_own_kernel; then
                [ "$(tr -s '[:space:]' ' ' <"$root/proc/sys/${1//.//}")" = "$2 " ]
                return
        fi

        for directory in etc run usr/local/lib usr/lib lib; do
                for file in "$root/$directory"/sysctl.d/*.conf; do
                        [ ! -e "$file" ] || [[ $files == *"/${file##*/}"$'\n'* ]] || files+="$file"$'\n'
                done
        done

        value=$(sed '/^$/d' <<<"$files" | awk -F / '{ print $NF "\t" $0 }' | sort | cut -f 2 | while read -r file; do
                sed -nE "s|^[[:space:]]*-?${1//./[./]}[[:space:]]*=[[:space:]]*(.*[^[:space:]])[[:space:]]*\$|\\1|p" "$file"
        done | tail -n 1)

        [ "$value" = "$2" ]
}

blocked=/etc/modprobe.d/60-eks-variants.conf
apply_module_off() {
        local name
        for name in "$@"; do
                replace_line $blocked "^install $name " "install $name /bin/false"
                replace_line $blocked "^blacklist $name\$" "blacklist $name"
        done
}

holds_module_off() {
        local name
        for name in "$@"; do
                has_line $blocked "^install $name " "install $name /bin/false" && has_line $blocked "^blacklist $name\$" "blacklist $name" || return
                ! has_own_kernel || ! grep -q "^${name//-/_} " "$root/proc/modules" || return
        done
}

# files_of PATTERN...: which of them exist.
files_of() {
        local pattern
        for pattern in "$@"; do
                compgen -G "$root$pattern" || true
        done
}

apply_mode() {
        local file
        files_of "${@:3}" | while read -r file; do
                [ "$2" = - ] || [ "$(stat -c %U:%G "$file")" = "$2" ] || chown "$2" "$file"
                chmod "$1" "$file"
        done
}

holds_mode() {
        local file
        files_of "${@:3}" | while read -r file; do
                [ $((8#$(stat -c %a "$file"))) -eq $((8#$1)) ] || exit 1
                [ "$2" = - ] || [ "$(stat -c %U:%G "$file")" = "$2" ] || exit 1
        done
}

apply_homes() {
        local home
        for home in "$root/home"/*; do
                [ ! -d "$home" ] || chmod "$1" "$home"
        done
}

holds_homes() {
        local home
        for home in "$root/home"/*; do
                [ ! -d "$home" ] || [ $((8#$(stat -c %a "$home"))) -eq $((8#$1)) ] || return
        done
}

installed=

# which_are_installed NAME...
which_are_installed() {
        if [ -z "$installed" ]; then
                if [ "$system" = al2023 ]; then
                        installed=$(rpm --query --all --queryformat '%{NAME}\n')
                else
                        installed=$(dpkg-query --show --showformat '${db:Status-Status} ${Package}\n' | sed -n 's/^installed //p')
                fi
        fi

        printf '%s\n' "$@" | grep -xF "$installed" || true
}

apply_absent_package() {
        local unwanted
        mapfile -t unwanted < <(which_are_installed "$@")
        [ ${#unwanted[@]} -gt 0 ] || return 0
        installed=
        if [ "$system" = al2023 ]; then
                dnf --assumeyes --quiet remove "${unwanted[@]}"
        else
                apt purge "${unwanted[@]}"
        fi
}

holds_absent_package() {
        [ -z "$(which_are_installed "$@")" ]
}

holds_packages() {
        ! is_for "$1" "$system" || [ "$(which_are_installed "${@:2}" | wc -l)" -eq $(($# - 1)) ]
}

apply_mask() {
        local unit
        mkdir -p "$root/etc/systemd/system"

        for unit in "$@"; do
                holds_mask "$unit" || ln -sfn /dev/null "$root/etc/systemd/system/$unit"
        done
}

holds_mask() {
        local unit
        for unit in "$@"; do
                [ "$(readlink "$root/etc/systemd/system/$unit")" = /dev/null ] || return
                [ ! "$running" ] || ! systemctl --quiet is-active "$unit" || return
        done
}

apply_mount() {
        replace_line /etc/fstab "^[^#[:space:]]+[[:space:]]+$1[[:space:]]" "tmpfs $1 $2 $3 0 0"
}

holds_mount() {
        local option
        has_line /etc/fstab "^[^#[:space:]]+[[:space:]]+$1[[:space:]]" "tmpfs $1 $2 $3 0 0" || return
        has_own_kernel || return 0
        for option in ${3//,/ }; do
                case $option in
                nodev | noexec | nosuid) awk -v place="$1" '$2 == place { found = "," $4 "," } END { print found }' "$root/proc/self/mounts" | grep -qF ",$option," || return ;;
                esac
        done
}

# sshd takes the first value that it reads. Files of others in this directory have higher numbers.
daemon=/etc/ssh/sshd_config.d/10-eks-variants.conf
apply_sshd() {
        replace_line $daemon "^$1 " "$*"
        include_sshd_files
}

effective=
holds_sshd() {
        local key
        if [ -z "$root" ] && [ -z "$effective" ] && [ -x /usr/sbin/sshd ]; then
                key=$(mktemp -d)
                ssh-keygen -q -t ecdsa -N '' -f "$key/key"
                mkdir -p /run/sshd
                effective=$(/usr/sbin/sshd -T -h "$key/key") || effective=nothing
                rm -r "$key"
        fi

        if [ -n "$effective" ]; then
                grep -qixF "$*" <<<"$effective"
        else
                has_line $daemon "^$1 " "$*"
        fi
}

apply_text() {
        put 0644 "$1" <<<"${*:2}"
}

holds_text() {
        [ ! -L "$root$1" ] && [ "$(cat "$root$1")" = "${*:2}" ]
}

apply_line() {
        local mode=0644
        [ ! -e "$root$1" ] || mode=0$(stat -c %a "$root$1")
        grep -qxF -e "${*:2}" "$root$1" 2>/dev/null || {
                if [ -e "$root$1" ]; then cat "$root$1"; fi
                printf '%s\n' "${*:2}"
        } | put "$mode" "$1"
}

holds_line() {
        grep -qxF -e "${*:2}" "$root$1"
}

apply_setting() {
        replace_line "$1" "^[[:space:]]*$2[[:space:]]" "$2 ${*:3}"
}

holds_setting() {
        has_line "$1" "^[[:space:]]*$2[[:space:]]" "$2 ${*:3}"
}

apply_assign() {
        replace_line "$1" "^[[:space:]]*$2=" "$2=${*:3}"
}

holds_assign() {
        has_line "$1" "^[[:space:]]*$2=" "$2=${*:3}"
}

apply_group() {
        groupadd --system --force ${root:+--prefix "$root"} "$1"
}

holds_group() {
        grep -q "^$1:" "$root/etc/group"
}

apply_missing_file() {
        local file
        for file in "$@"; do
                rm -f "$root$file"
        done
}

holds_missing_file() {
        local file
        for file in "$@"; do
                [ ! -e "$root$file" ] || return
        done
}

apply_holds() {
        :
}

holds_holds() {
        "check_$1" "${@:2}"
}

apply_by() {
        :
}

holds_by() {
        [ -e "$root$1" ]
}

# Items that apply-variants does itself
holds_kernel_argument() {
        has_kernel_argument "$1" && { ! has_own_kernel || [[ " $(cat "$root/proc/cmdline") " == *" $1 "* ]]; }
}

holds_module() {
        grep -qx "$1" "$root/etc/modules-load.d/eks-variants.conf"
}

holds_enable() {
        [ "$(systemctl is-enabled "$1")" = enabled ]
}

# Checks of what the base image has. Layers of containers have users and modes of their own.
check_in_file() {
        grep -qE "${*:2}" "$root$1"
}

check_not_in_file() {
        [ ! -e "$root$1" ] || ! grep -qE "${*:2}" "$root$1"
}

check_package() {
        [ -n "$(which_are_installed "$1")" ]
}

# unique FILE FIELD
check_unique() {
        [ -z "$(cut -d : -f "$2" "$root$1" | sort | uniq -d)" ]
}

check_only_root_has_number_0() {
        [ "$(awk -F : '$3 == 0 { print $1 }' "$root/etc/passwd")" = root ]
}

check_only_root_has_group_0() {
        # those of Red Hat's systems that only stop a machine
        [ "$(awk -F : '$4 == 0 && $1 !~ /^(sync|shutdown|halt|operator)$/ { print $1 }' "$root/etc/passwd")" = root ] &&
                [ "$(awk -F : '$3 == 0 { print $1 }' "$root/etc/group")" = root ]
}

check_shadowed() {
        [ -z "$(awk -F : '$2 != "x"' "$root/etc/passwd")" ]
}

check_no_empty_passwords() {
        [ -z "$(awk -F : '$2 == ""' "$root/etc/shadow")" ]
}

check_no_passwords() {
        [ -z "$(awk -F : '$2 !~ /^[!*]/' "$root/etc/shadow")" ]
}

check_no_password_of() {
        [ -z "$(awk -F : -v name="$1" '$1 == name && $2 !~ /^[!*]/' "$root/etc/shadow")" ]
}

check_no_future_passwords() {
        [ -z "$(awk -F : -v today="$(($(date +%s) / 86400 + 1))" '$3 > today' "$root/etc/shadow")" ]
}

check_no_shell_for_services() {
        [ -z "$(awk -F : '$3 > 0 && $3 < 1000 && $1 !~ /^(sync|shutdown|halt)$/ && $7 !~ /\/(nologin|false)$/' "$root/etc/passwd")" ]
}

check_groups_exist() {
        [ -z "$(awk -F : 'NR == FNR { known[$3]; next } !($4 in known)' "$root/etc/group" "$root/etc/passwd")" ]
}

check_empty_group() {
        [ "$(awk -F : -v name="$1" '$1 == name { print $4 }' "$root/etc/group")" = '' ]
}

check_safe_path() {
        local directory
        for directory in usr/local/sbin usr/local/bin usr/sbin usr/bin sbin bin; do
                [ ! -d "$root/$directory" ] || [ -z "$(find -H "$root/$directory" -maxdepth 0 \( -perm /022 -o ! -uid 0 \))" ] || return
        done
}

check_nobody_writes() {
        [ -z "$(find "$root$1" -xdev \( -path "$root/proc" -o -path "$root/sys" -o -path "$root/dev" -o -path "$root/var/lib/containerd" -o \
                -path "$root/var/lib/kubelet/pods" \) -prune -o \
                \( -type f -o -type d ! -perm -1000 \) -perm -0002 -print -quit)" ]
}

check_owned() {
        [ -z "$(find "$root/" -xdev \( -path "$root/proc" -o -path "$root/sys" -o -path "$root/dev" -o -path "$root/var/lib/containerd" -o \
                -path "$root/var/lib/kubelet/pods" \) -prune -o \
                \( -nouser -o -nogroup \) -print -quit)" ]
}

# rotated RULE LOG: whether logrotate does what the rule says, with its own configuration, but with a log elsewhere.
check_rotated() {
        local scratch settings result=1
        scratch=$(mktemp -d)
        settings=$(grep -v '^include ' "$root/etc/logrotate.conf") || true
        {
                printf '%s\n' "$settings"
                sed "s|$2|$scratch/log|" "$root$1"
        } >"$scratch/rule"
        echo "a line" >"$scratch/log"
        chmod 0755 "$scratch"

        if logrotate --force --state "$scratch/state" "$scratch/rule" && [ ! -s "$scratch/log" ] && compgen -G "$scratch/log[.-]*" >/dev/null; then
                result=0
        fi

        rm -r "$scratch"
        return $result
}

# The kernel that boots next, or the one that runs, is told to be in FIPS mode, and its initramfs tests its algorithms.
check_fips_kernel() {
        local kernel
        if [ "$running" ]; then
                kernel=$(uname -r)
                grep -qw fips=1 "$root/proc/cmdline" && [ "$(cat "$root/proc/sys/crypto/fips_enabled")" = 1 ] || return
        else
                kernel=$(next_kernel)
                grubby --info "/boot/vmlinuz-$kernel" | grep -E '^args=.*\bfips=1\b' >/dev/null || return
        fi

        lsinitrd --mod "$root/boot/initramfs-$kernel.img" | grep -x fips >/dev/null
}

check_no_trust_files() {
        local home file
        for home in "$root/root" "$root/home"/*; do
                for file in .rhosts .netrc .forward; do
                        [ ! -e "$home/$file" ] || return
                done
        done
}
