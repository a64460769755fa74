#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Which releases and tags there are, from servers that need no login. The caller sets `scratch`, a directory, and has `fetch`.
set -euo pipefail
: "${scratch:?}"

# releases_of URL: the releases of a Git repository, without the v of their tags. Servers announce all tags to a client that asks for a
# copy. Fails if it cannot be read.
releases_of() {
        fetch - --output "$scratch/refs" "$1.git/info/refs?service=git-upload-pack" || return
        tr '\0' '\n' <"$scratch/refs" | sed -n 's|^.* refs/tags/v\([0-9]*\.[0-9]*\.[0-9]*\)$|\1|p'
}

# registry_header NAME: a header of the last answer.
registry_header() {
        sed -n "s/^$1:[[:space:]]*//Ip" "$scratch/head" | tr -d '\r' | tail -n 1
}

# tags_of_image REGISTRY/NAME: its tags, by the API of registries. Fails if they cannot be read.
tags_of_image() {
        local host=${1%%/*} scheme=https url token='' code challenge next
        case $host in
        localhost:* | 127.*) scheme=http ;;
        *.* | *:*) ;;
        *) return 1 ;; # not a registry
        esac

        url=$scheme://$host/v2/${1#*/}/tags/list
        : >"$scratch/tags"

        while :; do
                code=$(curl --proto "=$scheme" --silent --connect-timeout 10 --retry "${FETCH_RETRIES:-4}" --dump-header "$scratch/head" --output "$scratch/page" \
                        --write-out '%{http_code}' --header @- "$url" <<<"${token:+Authorization: Bearer $token}") || return
                if [ "$code" = 401 ] && [ -z "$token" ]; then
                        challenge=$(registry_header www-authenticate)
                        [[ $challenge == Bearer\ * ]] || return
                        fetch - --get --data-urlencode "service=$(sed -n 's/.*service="\([^"]*\)".*/\1/p' <<<"$challenge")" \
                                --data-urlencode "scope=repository:${1#*/}:pull" --output "$scratch/token" \
                                "$(sed -n 's/.*realm="\([^"]*\)".*/\1/p' <<<"$challenge")" || return
                        token=$(sed -n 's/.*"token"[[:space:]]*:[[:space:]]*"\([^"]*\)".*/\1/p' "$scratch/token")
                        [ -n "$token" ] || return
                        continue
                fi

                [ "$code" = 200 ] || return
                { tr -d ' \n' <"$scratch/page" && echo; } | sed -n 's/.*"tags":\[\([^]]*\)\].*/\1/p' | tr ',' '\n' | sed -n 's/^"\(.*\)"$/\1/p' >>"$scratch/tags"
                next=$(registry_header link | sed -n 's/^<\([^>]*\)>.*rel="\{0,1\}next"\{0,1\}.*$/\1/p')
                case $next in
                /*) url=$scheme://$host$next ;;
                *) break ;;
                esac
        done

        cat "$scratch/tags"
}
