/etc/eks/bootstrap.sh $(aws x) --b64-cluster-ca "${CA}" --dns-cluster-ip `x` --local-disks $((1)) --kubelet-extra-args "$@" <(x) $'a' "
