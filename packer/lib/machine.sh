#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What the provisioners share. They run as root on the machine that becomes an image, on AL2023, Debian 12 and Debian 13, and leave the
# same result if they run again. Tests set IMAGE_ROOT, a directory that stands for '/'.
set -euo pipefail
umask 022 # a hardened base image may have another
root=${IMAGE_ROOT:-}
step=${0##*/}
library=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=packer/lib/arch.sh
. "$library/arch.sh"
# shellcheck source=packer/lib/bucket.sh
. "$library/bucket.sh"
# shellcheck source=packer/lib/versions.sh
. "$library/versions.sh"

say() {
        echo "$step: $*"
}

# fail WHAT [REMEDY]
fail() {
        echo "$step: $1" >&2
        [ -z "${2:-}" ] || echo "$step: $2" >&2
        exit 1
}

# need NAME...: variables of the template that must have a value.
need() {
        local name lower
        for name in "$@"; do
                lower=$(tr '[:upper:]' '[:lower:]' <<<"$name")
                [ -n "${!name:-}" ] || fail "the variable $lower of the template has no value" "say $lower=VALUE"
        done
}

# One of the names that the template knows.
find_system() {
        local ID='' VERSION_ID=''

        # shellcheck source=/dev/null
        . "$root/etc/os-release"

        case $ID:$VERSION_ID in
        amzn:2023) echo al2023 ;;
        debian:12 | debian:13) echo "debian$VERSION_ID" ;;
        *) fail "the machine runs '$ID $VERSION_ID'" "use a base image of Amazon Linux 2023, Debian 12 or Debian 13" ;;
        esac
}

system=$(find_system)

# put MODE FILE: write standard input to a file, unless it is there already.
put() {
        local file=$root$2 new
        mkdir -p "${file%/*}"
        new=$(mktemp "${file%/*}/.#new.XXXXXX")
        cat >"$new"
        chmod "$1" "$new"

        if cmp -s "$new" "$file" && [ "$(stat -c %a "$file")" = "${1#0}" ]; then
                rm "$new"
        else
                mv "$new" "$file"
                say "wrote $2"
        fi
}

# Let sshd read the files in sshd_config.d, and first: of each setting it takes the first value.
include_sshd_files() {
        local config=/etc/ssh/sshd_config
        if [ -e "$root$config" ] && ! grep -qiE '^[[:space:]]*Include[[:space:]]+"?/etc/ssh/sshd_config\.d/' "$root$config"; then
                {
                        echo 'Include /etc/ssh/sshd_config.d/*.conf'
                        cat "$root$config"
                } | put "0$(stat -c %a "$root$config")" $config
        fi
}

apt() {
        DEBIAN_FRONTEND=noninteractive apt-get --quiet --yes --no-install-recommends \
                -o DPkg::Lock::Timeout=300 -o Dpkg::Options::=--force-confold "$@" </dev/null
}

# install_packages NAME...: packages of the distribution, or files of packages. Their scripts read nothing of the caller's.
install_packages() {
        if [ "$system" = al2023 ]; then
                dnf --assumeyes --quiet install "$@" </dev/null
        else
                apt install "$@"
        fi
}

# install_version NAME WANTED: a package in the newest version that is what was asked for, which then stays.
install_version() {
        local version
        if [ "$system" = al2023 ]; then
                local wanted=$1-$2
                unlock_package "$1"

                if is_wish "$2"; then # dnf would leave an older version that fits, and NAME-* may be another package
                        version=$(dnf --quiet repoquery --queryformat '%{version}-%{release}\n' "$1" | newest_of "$2")
                        wanted=$1-$version
                fi

                if [ "$wanted" = "$1-" ] || ! dnf --assumeyes --quiet install "$wanted"; then
                        fail "no package $1 has the version $2" "'dnf --showduplicates list $1' prints the versions"
                fi

                lock_package "$1"
                return
        fi

        version=$(apt-cache madison "$1" | awk '{ print $3 }' | newest_of "$2")
        [ -n "$version" ] || fail "no package $1 has the version $2" "'apt-cache madison $1' prints the versions"
        apt --allow-change-held-packages install "$1=$version"
        lock_package "$1"
}

# unlock_package NAME: only dnf does not see other versions of a package that is locked.
unlock_package() {
        dnf --quiet versionlock delete "$1" >/dev/null 2>&1 || true
}

# lock_package NAME: an update of the machine leaves the package as it is.
lock_package() {
        if [ "$system" = al2023 ]; then
                unlock_package "$1"
                dnf --quiet versionlock add "$1"
        else
                apt-mark hold "$1" >/dev/null
        fi
}

has_checksum() {
        [ -f "$2" ] && [ "$(sha256sum <"$2" | cut -d ' ' -f 1)" = "$1" ]
}

# first_checksum FILE: the SHA-256 in a file as sha256sum writes it, with or without a name.
first_checksum() {
        local sum
        read -r sum _ <"$1" || [ -n "${sum:-}" ] || fail "the checksum file ${1##*/} is empty"
        [[ $sum =~ ^[0-9a-fA-F]{64}$ ]] || fail "the checksum file ${1##*/} holds no SHA-256, but '${sum:0:80}'"
        tr '[:upper:]' '[:lower:]' <<<"$sum"
}

# download REGION URL FILE: fetch, or fail with the URL. A file is there in whole, or not at all.
download() {
        rm -f "$3.part"
        fetch "$1" --output "$3.part" "$2" || fail "cannot fetch $2" "check that the file is there and that this machine may read it"
        mv "$3.part" "$3"
}

# pinned_checksum FILE: the SHA-256 of a release that is known here, whatever its origin says; nothing for others. CHECKSUMS
# replaces the table.
pinned_checksum() {
        awk -F '\t' -v name="$1" '$1 == name { print $2 }' "${CHECKSUMS:-$(dirname "${BASH_SOURCE[0]}")/checksums.tsv}"
}

# download_checked REGION URL FILE [SHA256]: fetch a file and hold it against its checksum, by default the pinned one, or that of
# URL.sha256.
download_checked() {
        local sum=${4:-} temporary found
        temporary=$(mktemp -d)
        sum=${sum:-$(pinned_checksum "${2##*/}")}
        if [ -z "$sum" ]; then
                download "$1" "$2.sha256" "$temporary/${2##*/}.sha256"
                sum=$(first_checksum "$temporary/${2##*/}.sha256")
        fi

        if ! has_checksum "$sum" "$3"; then
                download "$1" "$2" "$temporary/file"

                if ! has_checksum "$sum" "$temporary/file"; then
                        found=$(sha256sum <"$temporary/file" | cut -d ' ' -f 1)
                        rm -r "$temporary"
                        fail "$2 has the SHA-256 $found, not $sum" "the file is damaged or was replaced: copy it and its checksum again"
                fi

                mkdir -p "${3%/*}"
                cp "$temporary/file" "${3%/*}/.#${3##*/}"
                mv "${3%/*}/.#${3##*/}" "$3"
                say "fetched ${2##*/}"
        fi

        rm -r "$temporary"
}

# build_url NAME [VERSION DATE]: the URL of a file of the chosen build, or of another.
build_url() {
        local folder=${2:-$KUBERNETES_VERSION}/${3:-$KUBERNETES_BUILD_DATE}/bin/linux
        echo "$(bucket_root "$BINARY_BUCKET_NAME" "$BINARY_BUCKET_REGION")/$folder/$(bucket_arch "$ARCH")/$1"
}

# Instances of older types run on Xen.
is_ec2() {
        grep -qs '^Amazon EC2$' "$root/sys/class/dmi/id/sys_vendor" || grep -qs '^ec2' "$root/sys/hypervisor/uuid"
}

# load_instance_credentials: those of the role of the instance profile that the builder has, if it has one.
load_instance_credentials() {
        local where=${EKS_IMDS_ENDPOINT:-http://169.254.169.254}/latest token role text
        local options=(--silent --fail --connect-timeout 5 --retry 2)
        is_ec2 || return 1
        token=$(curl "${options[@]}" --request PUT --header 'X-aws-ec2-metadata-token-ttl-seconds: 60' "$where/api/token") || return 1
        where+=/meta-data/iam/security-credentials
        role=$(curl "${options[@]}" --header @- "$where/" <<<"X-aws-ec2-metadata-token: $token") || return 1
        text=$(curl "${options[@]}" --header @- "$where/${role%%$'\n'*}" <<<"X-aws-ec2-metadata-token: $token") || return 1
        text=$(tr -d '\n' <<<"$text")
        AWS_ACCESS_KEY_ID=$(sed -n 's/.*"AccessKeyId" *: *"\([^"]*\)".*/\1/p' <<<"$text")
        AWS_SECRET_ACCESS_KEY=$(sed -n 's/.*"SecretAccessKey" *: *"\([^"]*\)".*/\1/p' <<<"$text")
        AWS_SESSION_TOKEN=$(sed -n 's/.*"Token" *: *"\([^"]*\)".*/\1/p' <<<"$text")
        [ -n "$AWS_ACCESS_KEY_ID" ]
}

# The kernel that the machine boots next. Nothing in a container, which has none.
next_kernel() {
        local next=
        if [ "$system" = al2023 ]; then
                next=$(grubby --default-kernel)
        else
                for next in $(printf '%s\n' "$root"/boot/vmlinuz-* | sort -V); do :; done
        fi

        next=${next##*/vmlinuz-}
        [ "$next" = '*' ] || echo "$next"
}

# Delete what has been logged. Daemons go on writing to deleted files, which is lost. auditd checks whether its file is there.
delete_logs() {
        rm -rf "$root"/var/log/journal/*
        [ ! -d "$root/var/log" ] || find "$root/var/log" -type f ! -path "$root/var/log/audit/audit.log" -delete

        if [ -e "$root/var/log/audit/audit.log" ]; then
                : >"$root/var/log/audit/audit.log"
        fi
}

# What the bootloader gives to each kernel. Debian's reads grub.d after its file, and what is set last counts: a base image may set
# it anew there.
kernel_arguments() (
        set +eu
        files=("$root/etc/default/grub")
        [ "$system" = al2023 ] || files+=("$root"/etc/default/grub.d/*.cfg)
        GRUB_CMDLINE_LINUX=
        for file in "${files[@]}"; do
                # shellcheck source=/dev/null
                [ ! -f "$file" ] || . "$file" >/dev/null 2>&1
        done

        echo "$GRUB_CMDLINE_LINUX"
)

has_kernel_argument() {
        [[ " $(kernel_arguments) " == *" $1 "* ]]
}

# add_kernel_arguments ARGUMENT...: each once. The bootloader's own settings keep them for kernels that are installed later.
add_kernel_arguments() {
        local argument line file=/etc/default/grub.d/99-eks-image.cfg missing=()
        for argument in "$@"; do
                has_kernel_argument "$argument" || missing+=("$argument")
        done

        if [ ${#missing[@]} -gt 0 ] && [ "$system" != al2023 ]; then
                {
                        cat "$root$file" 2>/dev/null || echo "# Written by the image build."
                        echo "GRUB_CMDLINE_LINUX=\"\$GRUB_CMDLINE_LINUX ${missing[*]}\""
                } | put 0644 "$file"

                for argument in "${missing[@]}"; do
                        has_kernel_argument "$argument" || fail "kernels do not get the argument $argument" \
                                "a file in /etc/default/grub.d, which sorts after ${file##*/}, sets GRUB_CMDLINE_LINUX anew: rename it in the base image"
                done
        elif [ ${#missing[@]} -gt 0 ]; then # one line, as the program below changes it as well
                line=$(kernel_arguments)
                line=$(printf '%s' "${line:+$line }${missing[*]}" | sed 's/[\\"$`]/\\&/g')
                {
                        grep -v '^GRUB_CMDLINE_LINUX=' "$root/etc/default/grub" 2>/dev/null || true
                        echo "GRUB_CMDLINE_LINUX=\"$line\""
                } | put 0644 /etc/default/grub
        fi

        if [ "$system" = al2023 ]; then
                grubby --update-kernel=ALL --args="$*"
        elif command -v update-grub >/dev/null; then
                update-grub
        else
                say "there is no bootloader"
        fi
}

# What is there of what belongs to this machine and not to an image, one path a line.
leftovers() {
        local pattern path
        while IFS= read -r pattern; do
                # shellcheck disable=SC2231 # a pattern
                for path in "$root/"$pattern; do
                        [ -e "$path" ] || [ -L "$path" ] || continue

                        # The link of systemd-resolved is part of an image, a file with this network's servers is not.
                        [ "$pattern" != etc/resolv.conf ] || [ ! -L "$path" ] || continue
                        echo "$path"
                done
        done < <(grep -v '^#' "$library/leftovers")
}
