/etc/eks/bootstrap.sh --help
