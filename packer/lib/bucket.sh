#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Read an S3 bucket with curl: signed if there are credentials, and anonymously if there are none or S3 refuses them.
# Credentials come from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, from the profile AWS_PROFILE in
# AWS_SHARED_CREDENTIALS_FILE or AWS_CONFIG_FILE, or on the builder from the role of its instance profile. AWS_ENDPOINT_URL_S3
# replaces AWS's endpoint; the bucket is then a part of the path.
set -euo pipefail

# bucket_root BUCKET REGION: the URL below which the bucket's keys are.
bucket_root() {
        local domain
        if [ -n "${AWS_ENDPOINT_URL_S3:-}" ]; then
                echo "${AWS_ENDPOINT_URL_S3%/}/$1"
                return
        fi

        case $2 in
        cn-*) domain=amazonaws.com.cn ;;
        eusc-*) domain=amazonaws.eu ;;
        us-iso-*) domain=c2s.ic.gov ;;
        us-isob-*) domain=sc2s.sgov.gov ;;
        us-isof-*) domain=csp.hci.ic.gov ;;
        eu-isoe-*) domain=cloud.adc-e.uk ;;
        *) domain=amazonaws.com ;;
        esac

        # The certificate is for names with one word before s3.
        case $1 in
        *.*) echo "https://s3.$2.$domain/$1" ;;
        *) echo "https://$1.s3.$2.$domain" ;;
        esac
}

# machine.sh has another one.
load_instance_credentials() {
        return 1
}

# load_credentials: take them from the shared file, or from the instance, if the environment has none. Fails if there are none.
load_credentials() {
        [ -n "${AWS_ACCESS_KEY_ID:-}" ] || load_profile || load_instance_credentials
}

# profile_lines FILE: the lines of the profile AWS_PROFILE, as NAME=VALUE.
profile_lines() {
        [ ! -r "$1" ] || awk -v profile="${AWS_PROFILE:-default}" '
                /^[ \t]*\[/ { gsub(/^[ \t]*\[[ \t]*(profile[ \t]+)?|[ \t]*\].*$/, ""); here = $0 == profile; next }
                here && (at = index($0, "=")) {
                        name = substr($0, 1, at - 1); value = substr($0, at + 1)
                        gsub(/[ \t\r]/, "", name); gsub(/^[ \t]+|[ \t\r]+$/, "", value)
                        print name "=" value
                }' "$1"
}

# Keys of the profile, or what the AWS CLI makes of a profile of another kind.
load_profile() {
        local lines kind name value
        lines=$(profile_lines "${AWS_CONFIG_FILE:-${HOME:-/nonexistent}/.aws/config}" &&
                profile_lines "${AWS_SHARED_CREDENTIALS_FILE:-${HOME:-/nonexistent}/.aws/credentials}")
        kind=$(grep -om 1 -E '^(role_arn|sso_session|sso_start_url|credential_process|login_session)=' <<<"$lines") || true

        if [ -n "$kind" ]; then
                if ! command -v aws >/dev/null; then
                        echo "packer: the profile '${AWS_PROFILE:-default}' has ${kind%=}, of which only the AWS CLI makes credentials:" \
                                "install it, or export AWS_ACCESS_KEY_ID and so on" >&2
                        return 1
                fi

                lines=$(aws configure export-credentials --profile "${AWS_PROFILE:-default}" --format env-no-export </dev/null) || return 1
        fi

        while IFS='=' read -r name value; do
                case $name in
                aws_access_key_id | AWS_ACCESS_KEY_ID) AWS_ACCESS_KEY_ID=$value ;;
                aws_secret_access_key | AWS_SECRET_ACCESS_KEY) AWS_SECRET_ACCESS_KEY=$value ;;
                aws_session_token | AWS_SESSION_TOKEN) AWS_SESSION_TOKEN=$value ;;
                esac
        done <<<"$lines"
        [ -n "${AWS_ACCESS_KEY_ID:-}" ]
}

# Call curl with the credentials. They are on its standard input, because everybody may read a command line.
signed_curl() {
        local region=$1
        shift
        {
                printf 'aws-sigv4 = "aws:amz:%s:s3"\nuser = "%s:%s"\n' "$region" "$AWS_ACCESS_KEY_ID" "${AWS_SECRET_ACCESS_KEY:-}"
                [ -z "${AWS_SESSION_TOKEN:-}" ] || printf 'header = "x-amz-security-token: %s"\n' "$AWS_SESSION_TOKEN"
        } | curl --config - "$@"
}

# try COMMAND...: again, if the connection ended before the answer did, which curl does not repeat.
try() {
        local tries=${FETCH_RETRIES:-4} status
        while true; do
                status=0
                "$@" || status=$?

                case $status in
                18 | 52 | 55 | 56 | 92) [ "$tries" -gt 0 ] || return "$status" ;;
                *) return "$status" ;;
                esac

                tries=$((tries - 1))
                sleep 1
        done
}

# fetch REGION OPTION... URL: call curl, signed for a region, then anonymously. A region of '-' is for other servers, to which
# nothing of the credentials may go; curl then follows redirections.
fetch() {
        local region=$1 status=0
        shift

        # No redirection leads from HTTPS to HTTP. A mirror without TLS is one that the caller named.
        local protocols='=https'
        [[ ${*: -1} != http://* ]] || protocols='=http,https'
        local options=(--proto "$protocols" --proto-redir "$protocols" --silent --fail --retry "${FETCH_RETRIES:-4}" --retry-connrefused --connect-timeout 10 --speed-limit 1000 --speed-time 60)
        if [ "$region" = - ]; then
                try curl "${options[@]}" --location "$@"
                return
        fi

        if load_credentials; then
                try signed_curl "$region" "${options[@]}" "$@" && return
                status=$?
                [ "$status" -eq 22 ] || return "$status" # 22: the server refused; everything else fails without a signature, too
        fi

        try curl "${options[@]}" "$@"
}
