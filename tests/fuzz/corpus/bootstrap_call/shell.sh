#!/bin/sh -e
# don't
cat <<-'EOF' > /x
	/etc/eks/bootstrap.sh wrong '
	EOF
if [ -n "${A:-b}" ] && ! x; then N=a; elif y; then N=$(b "$(c `d`)"); else :; fi
case $1 in (a|b) N=c;; *) N+=d;; esac
f() { for i in 1 2; do (( i << 2 )); done; }; function g() { read -r X; }
( cd /; N=(a b) ) | tee &> /dev/null &
x && { N="$'c'"; } || exit 1
unset N; printf -v M %s x; export -n M; set -a +o allexport
N='c --cluster-id 1'
time exec env -i A="b" /etc/eks/bootstrap.sh $N $"--ip-family" ipv4
