/etc/eks/bootstrap.sh '' --dns-cluster-ip , --service-ipv4-cidr x --use-max-pods no --kubelet-extra-args '--a "b' --foo
